"use strict";
// Keeps ages and the live part of the page up to date, and sends the rewind form. All pages can be read without it.

const skew = Date.parse(document.body.dataset.now) - Date.now();

function ago(at) {
  const passed = (Date.now() + skew - at) / 1000;
  if (passed < 0) return passed > -60 ? "in a moment" : new Date(at).toISOString().slice(0, 16).replace("T", " ");
  for (const [unit, length] of [["d", 86400], ["h", 3600], ["min", 60]])
    if (passed >= 2 * length) return `${Math.floor(passed / length)} ${unit} ago`;
  return `${Math.floor(passed)} s ago`;
}

function age() {
  for (const time of document.querySelectorAll("time[data-age]")) {
    const words = ago(Date.parse(time.dateTime));
    if (time.textContent !== words) time.textContent = words;
  }
}

age();
setInterval(age, 1000);

// The live part: an event says that there is something new, and it is fetched as the server wrote it.

const live = document.getElementById("live");

if (live) {
  const lost = document.getElementById("lost"), said = document.getElementById("said");
  let heard = Date.now(), busy = false, again = false, source = null, slow = null;

  const tell = () => {
    const words = [...live.querySelectorAll("[data-said]")].map((one) => one.dataset.said).join(". ");
    if (said.textContent !== words) said.textContent = words;
  };

  const refresh = async () => {
    if (busy) { again = true; return; }
    busy = true;
    try {
      const answer = await fetch(live.dataset.live, { signal: AbortSignal.timeout(15000) });
      if (!answer.ok) throw new Error(answer.status);
      const text = await answer.text();
      const focused = document.activeElement, inside = live.contains(focused);
      const place = inside ? [...live.querySelectorAll("a,button,[tabindex]")].indexOf(focused) : -1;
      live.innerHTML = text;
      if (place >= 0) live.querySelectorAll("a,button,[tabindex]")[place]?.focus({ preventScroll: true });
      heard = Date.now();
      lost.hidden = true;
      tell();
      age();
    } catch { /* `look` says so when it lasts */ }
    busy = false;
    if (again) { again = false; setTimeout(refresh, 500); }
  };

  const listen = () => {
    source?.close();
    source = new EventSource(live.dataset.events);
    for (const kind of ["status", "discrepancies", "sweeps", "executions", "reset"])
      source.addEventListener(kind, () => { if (!slow) slow = setTimeout(() => { slow = null; refresh(); }, 400); });
  };

  const look = () => {
    if (document.hidden) return;
    if (Date.now() - heard > 20000) lost.hidden = false;
    if (Date.now() - heard > 10000) refresh();
    if (source?.readyState === EventSource.CLOSED) listen();
  };

  // A page that nobody sees costs nothing.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) { source?.close(); source = null; } else { listen(); refresh(); }
  });
  listen();
  tell();
  setInterval(look, 2000);
}

// Rewinds: planned first, then as planned.

const form = document.getElementById("rewind-form");

if (form) {
  const result = document.getElementById("rewind-result");
  const button = (value) => form.querySelector(`button[value="${value}"]`);
  let planned = null;

  const forget = () => { planned = null; button("execute").disabled = button("undo").disabled = true; };
  form.addEventListener("input", (event) => {
    if (["topics", "how", "value"].includes(event.target.name)) forget();
    if (event.target.name === "how") form.elements.value.disabled = event.target.value === "to_earliest";
  });

  const wanted = () => {
    const how = form.elements.how.value, value = form.elements.value.value.trim(), topics = form.elements.topics.value.trim();
    const numbers = ["to_offset", "shift_by"];
    const asked = { [how]: how === "to_earliest" ? true : numbers.includes(how) ? Number(value) : value };
    return topics ? { ...asked, topics: topics.split(/\s+/) } : asked;
  };

  const element = (name, text, parent, classes) => {
    const made = document.createElement(name);
    made.textContent = text;
    if (classes) made.className = classes;
    parent.append(made);
    return made;
  };

  const show = (report) => {
    result.replaceChildren();
    const verb = report.executed ? (report.action === "undo" ? "Taken back" : "Rewound") : "Planned";
    const what = report.action === "undo" ? "are not read again" : "are read again";
    element("h3", `${verb}: ${report.records} records ${what}`, result);
    if (report.executed) element("p", `Recorded as action ${report.action_id}.`, result);
    else if (!report.possible) element("p", "It can't be done as asked; nothing is moved.", result, "banner bad");
    if (!report.group_has_members) element("p", "No member of the group is there to read them now.", result, "banner");
    for (const note of report.notes) element("p", note, result, "quiet");
    const scroll = element("div", "", result, "scroll");
    scroll.tabIndex = 0;
    scroll.setAttribute("role", "region");
    scroll.setAttribute("aria-label", "Partitions of the plan");
    const table = element("table", "", scroll), head = element("tr", "", element("thead", "", table));
    for (const name of ["Topic", "Partition", "Verdict", "From", "To", "Records", "Why"]) element("th", name, head).scope = "col";
    const body = element("tbody", "", table);
    for (const part of report.partitions) {
      const row = element("tr", "", body);
      for (const name of ["topic", "partition", "verdict", "old_offset", "new_offset", "records", "why"])
        element("td", part[name] ?? "–", row, name === "topic" ? "id" : "");
    }
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const what = event.submitter?.value ?? "plan", undo = what.startsWith("undo");
    const execute = what === "execute" || what === "undo";
    const common = { execute, reason: form.elements.reason.value, who: form.elements.who.value };
    const body = execute ? { ...planned, ...common } : undo ? common : { ...wanted(), ...common };
    result.replaceChildren();
    element("p", "Asking…", result, "quiet");
    for (const one of form.querySelectorAll("button")) one.disabled = true;
    try {
      const answer = await fetch(undo ? form.dataset.undo : form.dataset.rewind, {
        method: "POST",
        headers: { "Authorization": `Bearer ${form.elements.token.value.trim()}`, "Content-Type": "application/json" },
        body: JSON.stringify(body),
      });
      const report = await answer.json();
      if (!answer.ok) throw new Error(report.detail);
      show(report);
      forget();
      if (!report.executed && report.possible && report.records > 0) {
        planned = undo ? { action_id: report.undoes } : wanted();
        button(undo ? "undo" : "execute").disabled = false;
      }
    } catch (error) {
      forget();
      result.replaceChildren();
      element("p", error.message || "The server does not answer.", result, "banner bad");
    }
    button("plan").disabled = button("undo-plan").disabled = false;
  });
}
