"use strict";
// The demo's panel: presses buttons, and says what became of it. It asks every second while somebody looks.

const panel = document.getElementById("panel");

if (panel) {
  const closed = document.getElementById("panel-closed"), said = document.getElementById("panel-said");
  const buttons = [...panel.querySelectorAll("button[data-act]")];
  const states = new Map(), pressed = new Set();
  let why = "The panel has not been read yet.", first = true;

  const place = (act) => document.getElementById(`became-${act}`);
  const tell = (words) => { said.textContent = words; };

  const refuse = (act, words) => {
    const shown = place(act), line = document.createElement("p");
    line.textContent = words;
    shown.replaceChildren(line);
    shown.classList.add("refused");
    shown.hidden = false;
    tell(words);
  };

  // They stay in the order of the tabulator: who uses a keyboard keeps the place, and is told why.
  const open = () => {
    for (const button of buttons)
      button.setAttribute("aria-disabled", String(Boolean(why) || pressed.has(button.dataset.act) || states.get(button.dataset.act)?.state === "under-way"));
  };

  const close = (words) => {
    why = words;
    closed.textContent = why;
    closed.hidden = !why;
    open();
  };

  const show = (told) => {
    for (const [act, became] of Object.entries(told.acts)) {
      const shown = place(act), before = states.get(act);
      const plain = became.html.replace(/>[^<]*<\/time>/g, "></time>");  // ages are the page's own doing
      if (before?.plain === plain) continue;
      const focused = shown.contains(document.activeElement) ? [...shown.querySelectorAll("a")].indexOf(document.activeElement) : -1;
      shown.innerHTML = became.html;
      if (focused >= 0) shown.querySelectorAll("a")[focused]?.focus({ preventScroll: true });
      shown.classList.remove("refused");
      shown.hidden = false;
      if (!first && before?.said !== became.said) tell(became.said);
      states.set(act, { ...became, plain });
    }
    first = false;
    close(told.closed);
  };

  const ask = async () => {
    try {
      const answer = await fetch(panel.dataset.path, { signal: AbortSignal.timeout(15000) });
      const told = await answer.json();
      if (!answer.ok) throw new Error(told.detail);
      show(told);
    } catch (error) {
      close(error.name === "Error" && error.message ? error.message : "The demo does not answer.");
    }
  };

  panel.addEventListener("click", async (event) => {
    const button = event.target.closest("button[data-act]"), act = button?.dataset.act;
    if (!act) return;
    if (button.getAttribute("aria-disabled") === "true") { tell(why || "That is under way already."); return; }
    pressed.add(act);
    open();
    try {
      const answer = await fetch(`${panel.dataset.path}/${act}`, { method: "POST", headers: { [panel.dataset.header]: panel.dataset.key } });
      if (!answer.ok) refuse(act, (await answer.json()).detail);
    } catch {
      refuse(act, "The demo does not answer.");
    }
    pressed.delete(act);
    await ask();
  });

  const keep = async () => {
    if (!document.hidden) await ask();
    setTimeout(keep, 1000);
  };
  open();
  keep();
}
