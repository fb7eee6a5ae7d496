// A list that narrows as the reader types. Without this the form asks the server the same.

export function startFilter(form) {
  const list = document.querySelector(form.dataset.listFilter);
  const box = form.querySelector("[data-filter-box]");
  const count = document.querySelector("[data-filter-count]");
  const none = document.querySelector("[data-filter-none]");
  if (!list || !box) return;
  const items = [...list.querySelectorAll("[data-words]")];
  // What the server left out cannot be typed back.
  const whole = items.length === Number(count.dataset.of);
  if (!whole) return;
  box.addEventListener("input", () => {
    for (const item of items) item.hidden = !answers(item.dataset.words, box.value);
    let n = 0;
    for (const group of list.querySelectorAll("[data-filter-group]")) {
      const here = group.querySelectorAll("[data-words]:not([hidden])").length;
      group.hidden = here === 0;
      group.querySelector("[data-filter-size]").textContent = here;
      n += here;
    }
    count.textContent = n === items.length ? `All ${n} shown` : `${n} of ${items.length} shown`;
    none.hidden = n > 0;
  });
}

// Whether every word of a question is somewhere in a text, which is in lower case.
export function answers(text, question) {
  return question.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}
