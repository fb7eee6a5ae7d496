// What the map shows lives in the address, so that it can be sent to somebody.

// The address (path, query, fragment) with `show` set, everything else kept.
export function withShown(href, show) {
  const url = new URL(href);
  if (show) url.searchParams.set("show", show);
  else url.searchParams.delete("show");
  return url.pathname + url.search + url.hash;
}

export function shown(href) {
  return new URL(href).searchParams.get("show") ?? "";
}

export function areaUrl(code) {
  return `/areas/${encodeURIComponent(code)}/`;
}
