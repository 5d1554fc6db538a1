// What is nicer with a script. Every page works without it, but for dropping files.
"use strict";

const element = (name, text, className) => {
  const made = document.createElement(name);
  made.textContent = text || "";
  if (className) made.className = className;
  return made;
};

// Times in the reader's own zone; the page says UTC, which stays in the title. Where days are chosen
// in UTC, the times beside them stay so.

const localTimes = (within) => {
  const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  const dayFormat = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
  for (const time of within.querySelectorAll("time:not([title])")) {
    if (time.closest("[data-zone=UTC]")) continue;
    time.title = time.textContent;
    const shown = time.classList.contains("day") ? dayFormat : format;
    time.textContent = shown.format(new Date(time.dateTime));
  }
};

// Copying.

const copy = async (text) => {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // Without TLS browsers offer no clipboard but the old way.
  const field = element("textarea");
  field.value = text;
  document.body.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  if (!copied) throw new Error("not copied");
};

const copyButtons = () => {
  for (const block of document.querySelectorAll("[data-copy]")) {
    const text = block.querySelector("[data-whole], pre");
    const button = element("button", "Copy", block.matches(".digest") ? "quiet small" : "quiet");
    button.type = "button";
    button.setAttribute("aria-label", `Copy: ${block.dataset.copy}`);
    button.addEventListener("click", async () => {
      try {
        await copy(text.textContent);
        button.textContent = "Copied";
      } catch {
        block.querySelectorAll("details").forEach((details) => { details.open = true; });
        getSelection().selectAllChildren(text);
        button.textContent = "Press Ctrl+C";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
    block.append(button);
  }
};

// Search as you type: the page that the form would open, and of it the results.

const liveSearch = (input) => {
  let timer;
  let newest = 0;
  const search = async () => {
    const asked = ++newest;
    const url = new URL(input.form.action);
    url.search = new URLSearchParams(new FormData(input.form));
    const answer = await fetch(url);
    if (!answer.ok || asked !== newest) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const found = page.getElementById(input.dataset.live);
    if (!found || asked !== newest) return;
    document.getElementById(input.dataset.live).replaceChildren(...found.childNodes);
    history.replaceState(null, "", url);
    prepare(document.getElementById(input.dataset.live));
  };
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(search, 150);
  });
};

// "/" begins a search, as on many other sites.

const searchKey = (input) => {
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || isTyping) return;
    event.preventDefault();
    input.focus();
    input.select();
  });
};

// The values of a chart: of the day that is pointed at, or that the arrow keys have reached.

const readings = (plot) => {
  const days = [...plot.querySelectorAll(".day")];
  const reading = plot.querySelector(".reading");
  let here = days.length - 1;
  const read = (place) => {
    days[here].classList.remove("here");
    here = Math.max(0, Math.min(days.length - 1, place));
    days[here].classList.add("here");
    reading.textContent = days[here].textContent;
  };
  const steps = { ArrowLeft: () => here - 1, ArrowRight: () => here + 1, Home: () => 0, End: () => days.length - 1 };
  plot.tabIndex = 0;
  plot.setAttribute("role", "group");
  plot.setAttribute("aria-label", `${plot.dataset.plot}; the arrow keys go from day to day`);
  plot.addEventListener("focus", () => read(here));
  plot.addEventListener("keydown", (event) => {
    if (!(event.key in steps)) return;
    event.preventDefault();
    read(steps[event.key]());
  });
  days.forEach((day, place) => day.addEventListener("pointerenter", () => read(place)));
};

// One tick for all rows of a table.

const selectAll = (table) => {
  const all = element("input");
  all.type = "checkbox";
  all.setAttribute("aria-label", "Choose all of this page");
  all.addEventListener("change", () => {
    for (const box of table.querySelectorAll("tbody .tick input")) box.checked = all.checked;
  });
  table.querySelector("thead .tick").replaceChildren(all);
};

// Uploads: each file by itself, two at a time, each with its progress and its result.

const AT_ONCE = 2;

const uploads = (form) => {
  const drop = document.getElementById("drop");
  const picker = form.querySelector("input[type=file]");
  const results = document.getElementById("uploads");
  const waiting = [];
  let running = 0;

  // The file that was overwritten comes back from the trash.
  const undo = (entry, name) => {
    const back = element("form", "", "actions");
    back.method = "post";
    back.action = results.dataset.trash;
    const token = form.querySelector("[name=form_token]");
    for (const [key, value] of [["form_token", token?.value], ["do", "restore"], ["entry", entry]]) {
      const field = element("input");
      Object.assign(field, { type: "hidden", name: key, value: value || "" });
      back.append(field);
    }
    const button = element("button", "Undo", "quiet small");
    button.setAttribute("aria-label", `Undo the overwrite by ${name}`);
    back.append(button);
    return back;
  };

  const send = (file, item) => new Promise((done) => {
    const bar = element("progress");
    bar.max = 1;
    bar.value = 0;
    bar.setAttribute("aria-label", `Progress of ${file.name}`);
    item.append(bar);
    const finish = ({ status, outcome, message, project, trash_entry: entry }) => {
      bar.remove();
      const badge = element("span", outcome, `badge ${status === 200 ? "good" : "bad"}`);
      const told = element("p", message);
      if (project) {
        const link = element("a", "See the project");
        link.href = results.dataset.root + project;
        told.append(" ", link);
      }
      item.append(" ", badge, told);
      if (entry) item.append(undo(entry, file.name));
      done();
    };
    const fail = (message) => finish({ outcome: "Refused", message });
    const request = new XMLHttpRequest();
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) bar.value = event.loaded / event.total;
    });
    // All is sent: what remains, the checks, has no measure.
    request.upload.addEventListener("load", () => bar.removeAttribute("value"));
    request.addEventListener("error", () => fail("The connection broke; upload it again."));
    request.addEventListener("load", () => {
      let answer;
      try {
        [answer] = JSON.parse(request.responseText);
      } catch {
        fail(`The server answered ${request.status}; open this page again, and sign in if asked.`);
        return;
      }
      finish(answer);
    });
    request.open("POST", form.action);
    request.setRequestHeader("Accept", "application/json");
    const body = new FormData();
    const token = form.querySelector("[name=form_token]");
    if (token) body.append("form_token", token.value);
    body.append("content", file, file.name);
    request.send(body);
  });

  const next = async () => {
    if (running >= AT_ONCE || !waiting.length) return;
    running += 1;
    await send(...waiting.shift());
    running -= 1;
    next();
  };

  const start = (files) => {
    for (const file of files) {
      const item = element("li", "", "card");
      item.append(element("span", file.name, "filename"));
      results.prepend(item);
      waiting.push([file, item]);
      next();
    }
  };

  for (const [name, over] of [["dragenter", true], ["dragover", true], ["dragleave", false], ["drop", false]]) {
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", over);
    });
  }
  drop.addEventListener("drop", (event) => start(event.dataTransfer.files));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    start(picker.files);
    picker.value = "";
  });
};

const prepare = (within) => {
  localTimes(within);
  for (const table of within.querySelectorAll("table[data-select]")) selectAll(table);
};

prepare(document);
copyButtons();
for (const input of document.querySelectorAll("input[data-live]")) {
  liveSearch(input);
  searchKey(input);
}
for (const plot of document.querySelectorAll("[data-plot]")) readings(plot);
for (const form of document.querySelectorAll("form#upload")) uploads(form);
