%% What RabbitMQ 3.10 can't be told in its configuration: a client's id is its user name.
%%
%% Without it, whoever may connect at all could claim another's id, and RabbitMQ would
%% disconnect the other: any one button could keep a server away. Everything else
%% is decided by RabbitMQ's own users and permissions; nothing is granted here.
-module(tocsin_mqtt_access).

-export([user_login_authorization/2, check_vhost_access/3, check_resource_access/4,
         check_topic_access/4, state_can_expire/0]).

user_login_authorization(Username, Properties) ->
    rabbit_auth_backend_internal:user_login_authorization(Username, Properties).

%% User is RabbitMQ's record auth_user; its first field is the name.
check_vhost_access(User, Vhost, Context = #{<<"client_id">> := Id}) when Id =:= element(2, User) ->
    rabbit_auth_backend_internal:check_vhost_access(User, Vhost, Context);
check_vhost_access(_User, _Vhost, _Context) ->
    false.

check_resource_access(User, Resource, Permission, Context) ->
    rabbit_auth_backend_internal:check_resource_access(User, Resource, Permission, Context).

check_topic_access(User, Resource, Permission, Context) ->
    rabbit_auth_backend_internal:check_topic_access(User, Resource, Permission, Context).

state_can_expire() ->
    false.
