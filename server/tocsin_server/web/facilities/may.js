// What a role may do on this page. The server decides; this only spares people refusals.

const KEEPERS = ["facilities", "supervisor", "administrator"];
const DRILLERS = [...KEEPERS, "dispatcher"];

export const mayKeep = (session) => KEEPERS.includes(session?.role);
export const mayDrill = (session) => DRILLERS.includes(session?.role);
