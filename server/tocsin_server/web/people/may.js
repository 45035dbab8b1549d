// What a role may do on this page. The server decides; this only spares people refusals.

const RULERS = ["supervisor", "administrator"];

export const mayRule = (session) => RULERS.includes(session?.role);

// Everybody keeps their own contacts, whatever their role.
export const mayKeepContacts = (session, person_id) =>
  mayRule(session) || session?.person_id === person_id;

export const mayMake = (session, role) =>
  mayRule(session) && (role !== "administrator" || session.role === "administrator");

export const mayTakeAway = (session, person) =>
  session?.role === "administrator" && session.person_id !== person.person_id;

export const mayEnd = (session, person) =>
  mayMake(session, person.role) && session.person_id !== person.person_id;
