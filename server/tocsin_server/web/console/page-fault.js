// A page that broke must not look like a page on which nothing happens.

function show() {
  document.getElementById("page-fault").hidden = false;
}

addEventListener("error", show);
addEventListener("unhandledrejection", show);
