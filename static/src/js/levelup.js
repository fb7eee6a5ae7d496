// Every page: the search box. Pages with a map: start it when it comes near.
import { shown } from "./address.js";
import { startLines } from "./lines.js";
import { startFilter } from "./list.js";
import { startSearch } from "./search.js";

document.documentElement.classList.add("has-script");
for (const form of document.querySelectorAll("form[data-suggest]")) startSearch(form);
for (const form of document.querySelectorAll("form[data-list-filter]")) startFilter(form);

const panel = document.querySelector("[data-map]");
let wire = () => {};
if (panel) {
  let started = null;
  const start = () =>
    (started ??= import(panel.dataset.mapScript).then((module) => module.start(panel)));

  // At once where it is in sight beside the figures, otherwise as the reader comes near it.
  new IntersectionObserver(
    (entries, observer) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      observer.disconnect();
      start();
    },
    { rootMargin: "400px" },
  ).observe(panel);

  const wide = matchMedia("(min-width: 68em)");
  const show = async (line, { scroll }) => {
    const map = await start();
    map.show(line.id, line.dataset.values);
    if (scroll && !wide.matches) document.getElementById("inside").scrollIntoView();
  };
  // Where a page has a map and no figure lines, the list of other figures says where each is had.
  const choose = async (link) => (await start()).show(shown(link.href), link.dataset.values);

  const showsOnClick = (link, act, done = () => {}) =>
    link?.addEventListener("click", (event) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey) return;
      event.preventDefault();
      act();
      done();
    });

  // The list of other figures beside the map does the same as the figures' own links.
  for (const link of document.querySelectorAll("[data-choices] a")) {
    const line = document.getElementById(shown(link.href));
    const close = () => link.closest("details").removeAttribute("open");
    if (line?.dataset.values) showsOnClick(link, () => show(line, { scroll: true }), close);
    else if (link.dataset.values) showsOnClick(link, () => choose(link), close);
  }
  wire = (root) => {
    for (const line of root.querySelectorAll("article[data-values]")) {
      showsOnClick(line.querySelector("[data-show]"), () => show(line, { scroll: true }));
      // Beside the map, a figure reached with the keyboard shows itself on it.
      let timer = 0;
      line.addEventListener("focusin", (event) => {
        clearTimeout(timer);
        if (wide.matches && event.target.matches(":focus-visible"))
          timer = setTimeout(show, 250, line, { scroll: false });
      });
      line.addEventListener("focusout", () => clearTimeout(timer));
    }
  };
  wire(document);
}
startLines(wire);

// On paper nothing can be opened, so open it before.
const opened = [];
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details[data-print]:not([open])")) {
    details.open = true;
    opened.push(details);
  }
});
addEventListener("afterprint", () => {
  for (const details of opened.splice(0)) details.open = false;
});
