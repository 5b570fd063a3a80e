"use strict";
// Search, sorting and the link between list and map; without it all rows and links are there too.
const table = document.getElementById("counties");
const body = table.tBodies[0];
const rows = Array.from(body.rows);
const search = document.getElementById("search");
const count = document.getElementById("count");

function filter() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const row of rows) {
    row.hidden = !words.every((word) => row.dataset.find.includes(word));
    document.getElementById("m" + row.dataset.code).style.opacity = row.hidden ? 0.25 : 1;
    if (!row.hidden) shown += 1;
  }
  count.textContent = shown + " / " + rows.length;
}

function key(row, column, numeric) {
  const cell = row.cells[column];
  if (!numeric) return cell.textContent.trim();
  return cell.dataset.value === "" ? null : Number(cell.dataset.value);
}

function sort(header) {
  const column = header.cellIndex;
  const numeric = header.classList.contains("number");
  const before = header.getAttribute("aria-sort");
  const down = before ? before === "ascending" : numeric;
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", down ? "descending" : "ascending");
  rows.sort((a, b) => {
    const [x, y] = [key(a, column, numeric), key(b, column, numeric)];
    if (x === null || y === null) return (x === null) - (y === null); // without a value: last
    const order = numeric ? x - y : x.localeCompare(y, "zh-Hans-CN");
    return down ? -order : order;
  });
  body.append(...rows);
}

search.addEventListener("input", filter);
for (const button of table.tHead.querySelectorAll("button")) {
  button.addEventListener("click", () => sort(button.closest("th")));
}
for (const row of rows) {
  const path = document.getElementById("m" + row.dataset.code);
  row.addEventListener("mouseenter", () => path.classList.add("chosen"));
  row.addEventListener("mouseleave", () => path.classList.remove("chosen"));
}
filter();
