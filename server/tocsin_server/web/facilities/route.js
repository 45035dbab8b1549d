// Which page the address names: #/, #/new-site, #/import, #/sites/…, #/sites/…/add (or edit, plans, walk), #/buttons/…, #/buttons/…/prove

// Of buttons that nobody has placed at a site yet.
export const NO_SITE = "none";

export const siteAddress = (site_id) => `#/sites/${encodeURIComponent(site_id ?? NO_SITE)}`;
export const newSiteAddress = "#/new-site";
export const importAddress = "#/import";
export const addAddress = (site_id) => `${siteAddress(site_id)}/add`;
export const editAddress = (site_id) => `${siteAddress(site_id)}/edit`;
export const plansAddress = (site_id) => `${siteAddress(site_id)}/plans`;
export const walkAddress = (site_id) => `${siteAddress(site_id)}/walk`;
export const buttonAddress = (device_id) => `#/buttons/${encodeURIComponent(device_id)}`;
export const proveAddress = (device_id) => `${buttonAddress(device_id)}/prove`;

const OF_A_SITE = ["add", "edit", "plans", "walk"];

export function route() {
  const [page, id, more] = location.hash.replace(/^#\/?/, "").split("/");
  if (page === "sites" && id) {
    return { page: OF_A_SITE.includes(more) ? more : "site", id: decodeURIComponent(id) };
  }
  if (page === "buttons" && id) {
    return { page: more === "prove" ? more : "button", id: decodeURIComponent(id) };
  }
  return { page: ["new-site", "import"].includes(page) ? page : "sites", id: null };
}
