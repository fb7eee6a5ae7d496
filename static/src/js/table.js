// Sorting a table of figures as they are written.

// "£31,400" → 31400, "−2.5%" → -2.5, "12 minutes" → 12; no figure → null.
export function figure(text) {
  const found = text.replace(/,/g, "").replace(/[−–]/g, "-").match(/-?\d+(\.\d+)?/);
  return found ? Number(found[0]) : null;
}

// Orders rows by a key; those without one stay last in either direction.
export function ordered(rows, key, descending) {
  const compare = (a, b) =>
    typeof a === "number" ? a - b : a.localeCompare(b, "en-GB", { numeric: true });
  return rows
    .map((row, index) => ({ row, index, k: key(row) }))
    .sort((a, b) => {
      if (a.k === null || b.k === null) return (a.k === null) - (b.k === null) || a.index - b.index;
      return (descending ? -1 : 1) * compare(a.k, b.k) || a.index - b.index;
    })
    .map(({ row }) => row);
}
