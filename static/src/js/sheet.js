// A sheet of areas by figures: which way a heading sorts next, and the address that says so.

// Figures begin with the highest, names with the first; the same again turns round.
export function nextSort(now, key) {
  if (key === "name") return now === "name" ? "-name" : "name";
  return now === `-${key}` ? key : `-${key}`;
}

// The address of the page sorted by `sort`, and the downloads' alike.
export function sortedAddress(address, sort) {
  const [path, query = ""] = address.split("?");
  const kept = query.split("&").filter((part) => part && !part.startsWith("sort="));
  if (sort !== "name") kept.push(`sort=${encodeURIComponent(sort)}`);
  return kept.length ? `${path}?${kept.join("&")}` : path;
}
