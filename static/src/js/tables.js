// Pages of tables: sorts in place what the server would sort, and offers places as they are typed.
import { nextSort, sortedAddress } from "./sheet.js";
import { figure, ordered } from "./table.js";

const sheet = document.querySelector("[data-sheet]");
const body = sheet?.querySelector("[data-sheet-rows]");
const links = [...(sheet?.querySelectorAll("a[data-sort]") ?? [])];

const current = () => {
  const head = sheet.querySelector("th[aria-sort]");
  const key = head?.querySelector("a[data-sort]")?.dataset.sort ?? "name";
  return (head?.getAttribute("aria-sort") === "descending" ? "-" : "") + key;
};

function sortBy(sort) {
  const descending = sort.startsWith("-");
  const key = sort.replace(/^-/, "");
  const link = links.find((l) => l.dataset.sort === key);
  const column = link.closest("th").cellIndex;
  const byName = [...body.rows].sort((a, b) => a.dataset.n - b.dataset.n);
  const value = (row) => {
    const cell = row.cells[column];
    return cell.classList.contains("no") ? null : figure(cell.textContent);
  };
  // Of figures that are printed alike, which is the higher: the server knows, and says so.
  const unrounded = (row) => Number(row.cells[column].dataset.t ?? 0);
  const byFigure = () => ordered(ordered(byName, unrounded, descending), value, descending);
  body.append(...(key === "name" ? (descending ? byName.reverse() : byName) : byFigure()));
  for (const other of links) other.closest("th").removeAttribute("aria-sort");
  link.closest("th").setAttribute("aria-sort", descending ? "descending" : "ascending");
  history.replaceState(null, "", sortedAddress(location.pathname + location.search, sort));
  for (const other of links)
    other.href = sortedAddress(location.pathname + location.search, nextSort(sort, other.dataset.sort));
  for (const file of document.querySelectorAll(".downloads a, .levels a"))
    if (file.hasAttribute("download")) file.href = sortedAddress(file.getAttribute("href"), sort);
  const hidden = document.querySelector("[data-chooser] input[name=sort]");
  if (hidden) hidden.value = sort === "name" ? "" : sort;
}

for (const link of links)
  link.addEventListener("click", (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    sortBy(nextSort(current(), link.dataset.sort));
  });

// Places as they are typed, in the browser's own list: what is chosen ends in the area's code.
for (const input of document.querySelectorAll("input[data-places]")) {
  const list = document.getElementById(input.getAttribute("list"));
  let timer = 0;
  input.addEventListener("input", () => {
    clearTimeout(timer);
    const words = input.value.trim();
    if (words.length < 2) return;
    timer = setTimeout(async () => {
      const reply = await fetch(`/search/suggest?q=${encodeURIComponent(words)}`).catch(() => null);
      if (!reply?.ok || input.value.trim() !== words) return;
      const { results = [] } = await reply.json();
      list.replaceChildren(
        ...results.map((r) => {
          const option = document.createElement("option");
          option.value = `${r.name}, ${r.code}`;
          option.label = [r.type, r.parent && `in ${r.parent}`].filter(Boolean).join(" ");
          return option;
        }),
      );
    }, 120);
  });
}
