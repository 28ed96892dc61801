// The page: what is chosen is in `place`, what the project is in `overview`, and each draw brings the page in line.

import { $, $$, choose, el, kilobytes, many } from "/dom.js";
import { Frame } from "/frame.js";
import { drawGrid } from "/grid.js";
import { drawFindings, drawHeaders, drawText, drawTrouble } from "/panels.js";
import { go, mailOf, onMove, pageOf, place, read } from "/place.js";
import { drawSource } from "/source.js";

const frame = new Frame($("#frames"));
let overview = null;
let told = null;
let asked = "";

// ---------------------------------------------------------------- what is chosen

const entry = () => overview?.templates.find((each) => each.name === place.mail);
const localeOf = () => (overview.locales.some((each) => each.id === place.locale) ? place.locale : overview.default);

function settle() {
  if (!overview?.templates.length || entry()) return;
  go({ mail: overview.templates[0].name }, { quietly: true });
}

function found() {
  const words = $("#find").value.trim().toLowerCase();
  const subjects = (each) => Object.values(each.locales).map((known) => known.subject).join(" ");
  return (overview?.templates ?? []).filter((each) => !words || `${each.name} ${subjects(each)}`.toLowerCase().includes(words));
}

// ---------------------------------------------------------------- from the server

async function refresh() {
  const answer = await fetch("/overview");
  overview = await answer.json();
  settle();
  draw();
}

async function load() {
  if (!entry()) return;
  const address = mailOf(place.mail, localeOf(), place.who);
  const version = overview.version + overview.checked;
  if (asked === address + version) return;
  const before = asked.startsWith(address);
  asked = address + version;
  const answer = await fetch(address);
  if (asked !== address + version || !answer.ok) return;
  told = await answer.json();
  if (!before && place.file && !told.sources.some((each) => each.path === place.file)) go({ file: "" }, { quietly: true });
  drawMail();
}

function listen() {
  const events = new EventSource("/events");
  const live = $("#live");
  events.addEventListener("message", (event) => {
    const { version, checked } = JSON.parse(event.data);
    live.className = checked ? "on" : "busy";
    $("span", live).textContent = checked ? "Watching the files" : "Checking …";
    if (!overview || overview.version !== version || overview.checked !== checked) refresh();
  });
  events.addEventListener("error", () => {
    live.className = "off";
    $("span", live).textContent = "lifecycle preview has ended";
  });
}

// ---------------------------------------------------------------- drawing

function draw() {
  if (!overview) return;
  drawSide();
  drawBar();
  const view = overview.broken && !overview.templates.length ? "project" : place.view;
  $("#one").hidden = view !== "mail" || !overview.templates.length;
  $("#all").hidden = view !== "grid";
  $("#project").hidden = view !== "project" && overview.templates.length > 0;
  document.title = view === "mail" && place.mail ? `${place.mail} · ${overview.brand}` : `${overview.brand || "Preview"}`;
  if (view === "grid") drawGrid($("#all"), overview, new Set(found().map((each) => each.name)));
  if (!$("#project").hidden) drawProject();
  if (view === "mail") {
    drawMail();
    load();
  }
}

function drawSide() {
  $("#brand").textContent = overview.brand || "Your project";
  const groups = new Map();
  for (const each of found()) {
    const folder = each.name.includes("/") ? each.name.slice(0, each.name.lastIndexOf("/")) : "";
    groups.set(folder, [...(groups.get(folder) ?? []), each]);
  }
  const nav = $("#mails");
  nav.replaceChildren(...[...groups].map(([folder, mails]) => el("section", {}, folder ? el("h2", {}, folder) : null, ...mails.map(mailRow))));
  if (!groups.size && overview.templates.length) nav.replaceChildren(el("p", { class: "quiet" }, "No mail has that in its name or subject."));
  const others = elsewhere();
  const button = $("#elsewhere");
  button.hidden = !others.length;
  button.textContent = `${many(others.length, "finding")} elsewhere in the project`;
  button.classList.toggle("error", others.some((each) => each.severity === "error"));
  button.setAttribute("aria-pressed", String(place.view === "project"));
}

function mailRow(each) {
  const known = Object.values(each.locales);
  const heaviest = Math.max(0, ...known.map((one) => one.bytes));
  const bad = each.errors || known.some((one) => !one.ok);
  const badge = bad ? el("span", { class: "badge error", title: each.errors ? many(each.errors, "error") : "It cannot be made for everybody" }, each.errors ? String(each.errors) : "!")
    : each.warnings ? el("span", { class: "badge warning", title: many(each.warnings, "warning") }, String(each.warnings)) : null;
  const meter = el("i", { class: heaviest > overview.limit ? "over" : heaviest > overview.limit * 0.8 ? "near" : "" });
  meter.style.width = `${Math.min(100, (heaviest / overview.limit) * 100)}%`;
  return el("button", {
    type: "button", class: "mail", "aria-current": place.view === "mail" && each.name === place.mail ? "true" : null,
    title: heaviest ? `${each.name}: ${kilobytes(heaviest)} of Gmail's ${overview.limit / 1024} KB` : each.name,
    onclick: () => { go({ mail: each.name, view: "mail" }); drawer(false); },
  }, el("span", { class: "name" }, each.name.split("/").pop()), badge, el("span", { class: "kb" }, heaviest ? kilobytes(heaviest) : known.length ? "–" : "…"), el("span", { class: "bar" }, meter));
}

function drawBar() {
  const locale = overview.locales.length ? localeOf() : "";
  $("#locales").replaceChildren(...overview.locales.map((each) => el("button", { type: "button", "data-value": each.id, title: "Language (l)" }, each.id)));
  for (const group of $$(".choice")) choose(group, group.dataset.key === "locale" ? locale : place[group.dataset.key]);
  $("#images").setAttribute("aria-checked", String(place.images === "1"));
  const who = $("#who");
  who.replaceChildren(...people().map(([id, name]) => el("option", { value: id, selected: id === place.who }, name)));
  who.value = place.who;
  $("#locales").hidden = place.view === "grid" || overview.locales.length < 2;
}

function people() {
  const names = place.view === "grid" ? [...new Set(overview.templates.flatMap((each) => each.people))] : [...(entry()?.people ?? [""])];
  if (overview.guest && !names.includes(overview.guest.id)) names.push(overview.guest.id);
  if (!names.includes(place.who)) names.push(place.who);
  return names.map((id) => [id, id === "" ? "Sample" : id === overview.guest?.id ? overview.guest.name : `Sample: ${id}`]);
}

function drawMail() {
  if (!entry() || place.view !== "mail") return;
  const here = told && told.template === place.mail && told.locale === localeOf() && told.who === place.who;
  const mail = here ? told.mail : null;
  const html = place.tab === "html";
  document.body.classList.toggle("dark-mail", place.dark === "1");
  $("#device").style.setProperty("--width", `${place.width}px`);
  $("#size").textContent = `${place.width} px`;
  const known = entry().locales[localeOf()];
  const key = mail?.key ?? known?.keys[place.who in (known?.keys ?? {}) ? place.who : ""];
  if (key) frame.show(pageOf(place.mail, localeOf(), place.who, key));
  if (here && !mail) frame.clear();
  $("#device").hidden = !html || (here && !mail);
  $("#panel").hidden = html;
  if (!here) return;
  drawInbox(mail);
  drawNote();
  const errors = told.findings.some((each) => each.severity === "error");
  const trouble = $("#trouble");
  trouble.hidden = !html || !(errors || told.stale);
  if (!trouble.hidden) drawTrouble(trouble, told, overview.broken);
  $("#device").classList.toggle("stale", told.stale);
  const count = $("#tabs .count");
  count.textContent = told.findings.length ? String(told.findings.length) : "";
  count.className = `count ${errors ? "error" : told.findings.length ? "warning" : ""}`;
  drawPanel(mail);
}

function drawPanel(mail) {
  const panel = $("#panel");
  panel.className = place.tab;
  const nothing = el("p", { class: "quiet" }, "There is none as long as the mail cannot be made.");
  if (place.tab === "text") mail ? drawText(panel, told) : panel.replaceChildren(nothing);
  if (place.tab === "headers") mail ? drawHeaders(panel, told) : panel.replaceChildren(nothing);
  if (place.tab === "findings") drawFindings(panel, told.findings, { checked: overview.checked, nothing: "Neither errors nor warnings in this mail and what it includes." });
  if (place.tab === "source") drawSource(panel, told);
}

function drawInbox(mail) {
  const inbox = $("#inbox");
  inbox.classList.toggle("none", !mail);
  $(".line", inbox).dir = told.dir;
  $(".initial", inbox).textContent = mail ? [...mail.sender.trim()][0] ?? "@" : "";
  $(".sender", inbox).textContent = mail?.sender ?? "";
  $(".sender", inbox).title = mail?.address ?? "";
  $(".subject", inbox).textContent = mail?.subject ?? "No subject, no mail";
  $(".preheader", inbox).textContent = mail?.preheader ?? "";
  const share = mail ? mail.bytes / overview.limit : 0;
  $(".weight b", inbox).textContent = mail ? kilobytes(mail.bytes) : "–";
  $(".weight span", inbox).textContent = share > 1 ? `Gmail clips at ${overview.limit / 1024} KB` : `of ${overview.limit / 1024} KB`;
  const meter = $(".meter", inbox);
  meter.className = `meter ${share > 1 ? "over" : share > 0.8 ? "near" : ""}`;
  meter.setAttribute("aria-label", `${Math.round(share * 100)} % of what Gmail shows`);
  $("i", meter).style.width = `${Math.min(100, share * 100)}%`;
}

function drawNote() {
  const notes = [];
  if (told.written !== told.locale) notes.push(`Not written for ${told.locale}: its readers get ${told.written}.`);
  if (told.absent) notes.push(told.who === overview.guest?.id ? "No campaign sends this mail, so it is shown to its sample." : `This mail has no sample “${told.who}”: the plain one is shown.`);
  $("#note").textContent = notes.join(" ");
}

function elsewhere() {
  const own = (path) => path.startsWith("templates/");
  return overview.findings.filter((each) => !own(each.file));
}

function drawProject() {
  const host = $("#project");
  const findings = overview.broken ? overview.findings : elsewhere();
  if (overview.broken) {
    host.replaceChildren(el("h1", {}, "lifecycle.yaml cannot be read"), el("p", { class: "quiet" }, "The mails come back by themselves when it is saved."), el("div", { class: "findings" }));
  } else if (!overview.templates.length) {
    host.replaceChildren(el("div", { class: "empty" }, el("h2", {}, "No mails yet"), el("p", {}, "The first one appears here when it is saved:"),
      el("pre", {}, "templates/welcome/hello.mjml\n\n---\nsubject: Hello\npreheader: Forty characters or more fill the line in the inbox\n---\n<mjml><mj-body><mj-section><mj-column>\n  <mj-text>Hello {{ contact.first_name | default('there') }}</mj-text>\n</mj-column></mj-section></mj-body></mjml>")));
    return;
  } else {
    host.replaceChildren(el("h1", {}, "Elsewhere in the project"), el("p", { class: "quiet" }, "In campaigns, segments, catalogs and lifecycle.yaml."), el("div", { class: "findings" }));
  }
  drawFindings($(".findings", host), findings, { checked: overview.checked, nothing: "Campaigns, segments, catalogs and lifecycle.yaml are sound." });
}

// ---------------------------------------------------------------- hands

const step = (values, now, by = 1) => values[(values.indexOf(now) + by + values.length) % values.length];

function drawer(open) {
  document.body.classList.toggle("drawer", open);
  $("#veil").hidden = !open;
  $("#menu").setAttribute("aria-expanded", String(open));
}

const KEYS = {
  j: () => turn(1), k: () => turn(-1), ArrowDown: null, l: () => go({ locale: step(overview.locales.map((each) => each.id), localeOf()) }),
  s: () => go({ who: step(people().map(([id]) => id), place.who) }),
  m: () => go({ width: place.width === "375" ? 700 : 375 }), d: () => go({ dark: place.dark ? "" : "1" }),
  i: () => go({ images: place.images === "1" ? "0" : "1" }), g: () => go({ view: place.view === "grid" ? "mail" : "grid" }),
  "/": () => { drawer(true); $("#find").focus(); }, "?": () => $("#keys").showModal(),
};
["html", "text", "headers", "findings", "source"].forEach((tab, index) => { KEYS[index + 1] = () => go({ tab, view: "mail" }); });

function turn(by) {
  const names = found().map((each) => each.name);
  if (!names.length) return;
  go({ mail: names.includes(place.mail) ? step(names, place.mail, by) : names[0], view: "mail" });
  $("#mails [aria-current]")?.scrollIntoView({ block: "nearest" });
}

document.addEventListener("keydown", (event) => {
  if (event.target.matches("input, select, textarea")) {
    if (event.key === "Escape" && event.target.id === "find") { event.target.value = ""; event.target.blur(); draw(); }
    return;
  }
  if (event.key === "Escape") drawer(false);
  if (event.ctrlKey || event.metaKey || event.altKey || !overview || $("#keys").open || !KEYS[event.key]) return;
  event.preventDefault();
  KEYS[event.key]();
});

document.addEventListener("click", (event) => {
  const button = event.target.closest(".choice button[data-value]");
  if (button) go({ [button.closest(".choice").dataset.key]: button.dataset.value });
});
$("#images").addEventListener("click", KEYS.i);
$("#help").addEventListener("click", KEYS["?"]);
$("#who").addEventListener("change", (event) => go({ who: event.target.value }));
$("#find").addEventListener("input", draw);
$("#elsewhere").addEventListener("click", () => { go({ view: place.view === "project" ? "mail" : "project" }); drawer(false); });
$("#menu").addEventListener("click", () => drawer(!document.body.classList.contains("drawer")));
$("#veil").addEventListener("click", () => drawer(false));

const grip = $("#grip");
const resize = (width) => go({ width: Math.round(Math.min(1600, Math.max(240, width))) }, { quietly: true });
grip.addEventListener("pointerdown", (event) => {
  grip.setPointerCapture(event.pointerId);
  const [from, width] = [event.clientX, Number(place.width)];
  const move = (moved) => resize(width + 2 * (moved.clientX - from)); // it stands in the middle, so both sides move
  document.body.classList.add("dragging");
  grip.addEventListener("pointermove", move);
  grip.addEventListener("lostpointercapture", () => {
    document.body.classList.remove("dragging");
    grip.removeEventListener("pointermove", move);
  }, { once: true });
});
grip.addEventListener("keydown", (event) => {
  const by = { ArrowLeft: -10, ArrowRight: 10 }[event.key];
  if (by) resize(Number(place.width) + by);
});

let last = "";
onMove(() => {
  const here = `${place.mail} ${place.tab} ${place.locale}`;
  if (here !== last) $("#stage").scrollTop = 0;
  last = here;
  draw();
});
read();
listen();
