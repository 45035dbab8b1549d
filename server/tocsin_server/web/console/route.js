// Which page the address names. An address that names none is the list of alerts.

const PAGES = ["latency", "history"];

export function route() {
  const [page, id] = location.hash.replace(/^#\/?/, "").split("/");
  if (page === "alerts" && id) return { page: "record", id: decodeURIComponent(id) };
  return { page: PAGES.includes(page) ? page : "alerts", id: null };
}
