// Figure lines: copying the sentence, and opening other themes in place.

// Writes the sentence to the clipboard; where the browser forbids it, selects it to be copied.
async function copy(button) {
  const said = document.getElementById(button.dataset.copy);
  const label = button.firstChild;
  const was = label.data;
  try {
    await navigator.clipboard.writeText(said.textContent);
    label.data = "Copied";
  } catch {
    said.closest("details").open = true;
    getSelection().selectAllChildren(said);
    said.scrollIntoView({ block: "nearest" });
    label.data = "Selected: press Ctrl C";
  }
  button.dataset.done = "";
  setTimeout(() => {
    label.data = was;
    delete button.dataset.done;
  }, 2500);
}

export function showButtons(root) {
  for (const button of root.querySelectorAll("[data-copy]")) button.hidden = false;
}

// The address of a theme's sections alone, from the link that opens the whole page; `inside` is
// the level of the map beside it.
export function partOf(href, inside = "") {
  const url = new URL(href);
  url.searchParams.set("part", "theme");
  if (inside) url.searchParams.set("inside", inside);
  return url.pathname + url.search;
}

// Replaces a closed theme by its lines; true when that worked. `wire` is told of the new section.
async function open(section, href, wire) {
  section.classList.add("is-opening");
  section.setAttribute("aria-busy", "true");
  try {
    const reply = await fetch(
      partOf(href, document.querySelector("[data-inside]")?.dataset.inside),
    );
    if (!reply.ok) throw new Error(`answered ${reply.status}`);
    const read = new DOMParser().parseFromString(await reply.text(), "text/html");
    const fresh = read.getElementById(section.id);
    if (!fresh) throw new Error("nothing came");
    section.replaceWith(fresh);
    wire(fresh);
    return true;
  } catch {
    location.assign(href); // The whole page says what is wrong, or works.
    return false;
  }
}

async function goTo(link, wire) {
  const section = document.getElementById(
    link.dataset.contents ?? link.closest("[data-theme]")?.dataset.theme,
  );
  const url = new URL(link.href);
  const target = url.hash.slice(1);
  const wasOpen = !section.classList.contains("is-closed");
  if (!wasOpen && !(await open(section, link.href, wire))) return;
  history.pushState(null, "", url);
  const landed = document.getElementById(target) ?? section;
  landed.scrollIntoView();
  const heading = landed.querySelector("h2, h3 a");
  heading?.focus({ preventScroll: true });
}

export function startLines(wire) {
  const wireAll = (root) => {
    showButtons(root);
    wire(root);
  };
  showButtons(document);
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (button) return void copy(button);
    const link = event.target.closest("[data-theme] a, .contents a[data-contents]");
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
    if (!new URL(link.href).search) return; // A theme of this page that is open already.
    event.preventDefault();
    goTo(link, wireAll);
  });
  // Going back to an address of this page that another theme was opened for.
  addEventListener("popstate", () => {
    const id = decodeURIComponent(location.hash.slice(1));
    if (id) document.getElementById(id)?.scrollIntoView();
  });
  // An older link to a figure whose theme is closed here: open it.
  const named = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const link = named?.closest(".is-closed") && named.querySelector("a[href]");
  if (link && named.closest("[data-theme]")) goTo(link, wireAll);
}
