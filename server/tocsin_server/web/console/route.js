// Which page the address names, and what is asked of it. An address that names none is the list of alerts.

const PAGES = ["latency", "history"];

export function route() {
  const [path, asked = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [page, id] = path.split("/");
  const query = new URLSearchParams(asked);
  if (page === "alerts" && id) return { page: "record", id: decodeURIComponent(id), query };
  return { page: PAGES.includes(page) ? page : "alerts", id: null, query };
}
