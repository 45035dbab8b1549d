"""Figures for whoever watches this replica, at /metrics."""

from prometheus_client import Counter, Gauge, Histogram

ARRIVED = Counter("tocsin_presses_arrived", "Messages on press topics, also repeated ones")
DOUBTFUL = Counter("tocsin_presses_doubtful", "Presses whose sender nobody can vouch for")
OVERFLOWED = Counter("tocsin_presses_overflowed", "Presses left to their button to send again")
STORE_FAILURES = Counter("tocsin_store_failures", "Commits of presses that failed and are repeated")
NOT_STORED = Counter("tocsin_presses_not_yet_stored", "Presses shown as NOT YET STORED")
BATCH = Histogram(
    "tocsin_batch_presses", "Presses committed together", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256)
)
SENT = Counter("tocsin_messages_sent", "Messages handed to a provider", ["outcome"])
WEBHOOKS_REFUSED = Counter(
    "tocsin_webhooks_refused",
    "Posts of nobody who may, that say nothing, or that were dealt with before",
    ["because"],
)
HOOKS = Counter("tocsin_hook_deliveries", "Webhooks sent: delivered, retried or dead", ["outcome"])
HOOKS_OLDEST = Gauge("tocsin_hook_oldest_seconds", "Age of the oldest webhook that waits")
HOOKS_DISABLED = Gauge("tocsin_hooks_disabled", "Webhooks to which nothing is sent")
FAULTS = Gauge("tocsin_faults", "What the auditor finds wrong", ["check"])
REPAIRS = Counter("tocsin_repairs", "What the auditor got going again", ["check"])
DEAD_MAN = Counter("tocsin_dead_man", "Words outside that all is well", ["outcome"])
DEAD_MAN_AT = Gauge(
    "tocsin_dead_man_answered_timestamp_seconds", "When a word outside was last answered"
)
SYNTHETIC = Gauge(
    "tocsin_synthetic_press_seconds",
    "Seconds from the last synthetic press that came through to each stage",
    ["jurisdiction", "stage"],
)
SYNTHETIC_AT = Gauge(
    "tocsin_synthetic_press_timestamp_seconds",
    "When a synthetic press last came through",
    ["jurisdiction"],
)
BUTTONS = Gauge("tocsin_buttons", "Buttons by condition", ["condition"])
SCREENS = Gauge("tocsin_screens", "Screens open on this replica")
STAGE = Histogram(
    "tocsin_stage_seconds",
    "Seconds from the press to each stage of an alert",
    ["stage"],
    buckets=(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 900),
)
