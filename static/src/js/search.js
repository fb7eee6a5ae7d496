// The search box on the page: the ARIA combobox pattern over combobox.js.
import { announcement, answered, closed, dismissed, pressed, typed } from "./combobox.js";

const PAUSE = 80;

export function startSearch(form) {
  const input = form.querySelector("input[type=search]");
  const list = form.querySelector("[data-suggestions]");
  const status = form.querySelector("[data-search-status]");
  const address = form.dataset.suggest;
  if (!input || !list || !address) return;

  let state = { ...closed, query: input.value };
  let timer = 0;
  let request = null;

  input.setAttribute("role", "combobox");
  input.setAttribute("aria-autocomplete", "list");
  input.setAttribute("aria-controls", list.id);
  input.setAttribute("aria-expanded", "false");
  list.setAttribute("role", "listbox");

  function draw() {
    const rows = state.options.map((option, index) => {
      const row = document.createElement("li");
      row.id = `${list.id}-${index}`;
      row.setAttribute("role", "option");
      row.setAttribute("aria-selected", String(index === state.active));
      row.dataset.index = index;
      const name = document.createElement("span");
      name.className = "suggestion-name";
      name.append(...marked(option.name, state.query));
      const rest = document.createElement("span");
      rest.className = "suggestion-rest";
      rest.textContent = [option.type, option.parent && `in ${option.parent}`, option.code].filter(Boolean).join(", ");
      row.append(name, " ", rest);
      if (option.note) {
        const note = document.createElement("span");
        note.className = "suggestion-note";
        note.textContent = option.note;
        row.append(" ", note);
      }
      return row;
    });
    const heading = [];
    if (state.message && rows.length) {
      // Seen above the suggestions; heard from the status.
      const said = document.createElement("li");
      said.className = "suggestion-message";
      said.setAttribute("role", "presentation");
      said.setAttribute("aria-hidden", "true");
      said.textContent = state.message;
      heading.push(said);
    }
    list.replaceChildren(...heading, ...rows);
    const shown = state.open && state.options.length > 0;
    list.hidden = !shown;
    input.setAttribute("aria-expanded", String(shown));
    if (shown && state.active >= 0) {
      input.setAttribute("aria-activedescendant", `${list.id}-${state.active}`);
      rows[state.active].scrollIntoView({ block: "nearest" });
    } else input.removeAttribute("aria-activedescendant");
    const said = announcement(state);
    status.textContent = said;
    status.classList.toggle("is-message", state.open && state.options.length === 0 && said !== "");
  }

  async function ask(query) {
    request?.abort();
    request = new AbortController();
    try {
      const reply = await fetch(`${address}?q=${encodeURIComponent(query)}`, { signal: request.signal });
      if (!reply.ok) return;
      state = answered(state, query, await reply.json());
      draw();
    } catch (error) {
      // Without suggestions the form still works.
      if (error.name !== "AbortError") console.warn("No suggestions:", error.message);
    }
  }

  input.addEventListener("input", () => {
    state = typed(state, input.value);
    clearTimeout(timer);
    request?.abort();
    if (input.value.trim()) timer = setTimeout(ask, PAUSE, input.value);
    draw();
  });
  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const { state: next, effect, handled } = pressed(state, event.key);
    state = next;
    if (handled) event.preventDefault();
    if (effect?.go) location.assign(effect.go);
    if (effect?.clear) input.value = "";
    draw();
  });
  input.addEventListener("blur", () => {
    state = dismissed(state);
    draw();
  });
  input.addEventListener("focus", () => {
    if (state.options.length && input.value.trim()) {
      state = { ...state, open: true };
      draw();
    }
  });
  // Before the box loses focus, so that the list is still there for the click.
  list.addEventListener("pointerdown", (event) => event.preventDefault());
  list.addEventListener("click", (event) => {
    const row = event.target.closest("[data-index]");
    if (row) location.assign(state.options[Number(row.dataset.index)].url);
  });
}

// The part of a name that answers the words typed, set bold.
function marked(name, query) {
  const words = query.trim();
  const from = words ? name.toLocaleLowerCase("en-GB").indexOf(words.toLocaleLowerCase("en-GB")) : -1;
  if (from < 0) return [name];
  const strong = document.createElement("b");
  strong.textContent = name.slice(from, from + words.length);
  return [name.slice(0, from), strong, name.slice(from + words.length)];
}
