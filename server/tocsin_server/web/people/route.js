// Which page the address names: #/, #/people, #/people/new, #/people/…, and so for shifts and policies.

export const NEW = "new";

export const nowAddress = "#/";
export const listAddress = (page) => `#/${page}`;
export const oneAddress = (page, id) => `#/${page}/${encodeURIComponent(id)}`;

const PAGES = ["people", "shifts", "policies", "screens"];

export function route() {
  const [page, id] = location.hash.replace(/^#\/?/, "").split("/");
  if (!PAGES.includes(page)) return { page: "now", id: null };
  return { page, id: id ? decodeURIComponent(id) : null };
}
