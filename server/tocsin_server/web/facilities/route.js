// Which page the address names: #/, #/sites/…, #/sites/…/add, #/sites/…/walk, #/buttons/…

// Of buttons that nobody has placed at a site yet.
export const NO_SITE = "none";

export const siteAddress = (site_id) => `#/sites/${encodeURIComponent(site_id ?? NO_SITE)}`;
export const addAddress = (site_id) => `${siteAddress(site_id)}/add`;
export const walkAddress = (site_id) => `${siteAddress(site_id)}/walk`;
export const buttonAddress = (device_id) => `#/buttons/${encodeURIComponent(device_id)}`;

export function route() {
  const [page, id, more] = location.hash.replace(/^#\/?/, "").split("/");
  if (page === "sites" && id) {
    return { page: ["add", "walk"].includes(more) ? more : "site", id: decodeURIComponent(id) };
  }
  if (page === "buttons" && id) return { page: "button", id: decodeURIComponent(id) };
  return { page: "sites", id: null };
}
