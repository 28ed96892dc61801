// What is behind the tabs: plain text, headers, findings.

import { el, many } from "/dom.js";
import { go } from "/place.js";

export function findingCard(found) {
  const [before, meant, behind] = found.frame;
  const where = `${found.file}:${found.line}:${found.column}`;
  return el("article", { class: `finding ${found.severity}` },
    el("header", {}, el("b", { class: "code" }, found.code), el("span", { class: "sort" }, found.severity), el("a", {
      href: "#", title: "See it in the source", onclick: (event) => { event.preventDefault(); go({ view: "mail", tab: "source", file: found.file }); },
    }, where)),
    el("p", {}, found.message),
    before || meant || behind ? el("pre", { dir: "ltr" }, el("span", { class: "number" }, String(found.line)), before.trimStart(), el("mark", {}, meant || " "), behind) : null,
    found.hint ? el("p", { class: "hint" }, found.hint) : null);
}

export function drawFindings(host, findings, { checked, nothing }) {
  if (findings.length) return host.replaceChildren(...findings.map(findingCard));
  host.replaceChildren(checked
    ? el("div", { class: "empty" }, el("h2", {}, "Nothing to find fault with"), el("p", {}, nothing))
    : el("div", { class: "empty" }, el("h2", {}, "Still looking …"), el("p", {}, "The whole project is being checked.")));
}

export function drawText(host, told) {
  host.replaceChildren(el("pre", { class: "letter", dir: told.dir }, linked(told.mail.text)));
}

function linked(text) {
  const whole = document.createDocumentFragment();
  for (const part of text.split(/(https?:\/\/\S+)/)) whole.append(/^https?:/.test(part) ? el("span", { class: "url", dir: "ltr" }, part) : part);
  return whole;
}

export function drawHeaders(host, told) {
  const { headers, raw } = told.mail;
  const rows = headers.map(([name, value]) => el("tr", {}, el("th", { scope: "row" }, name), el("td", { dir: "auto" }, value)));
  host.replaceChildren(
    el("p", { class: "quiet" }, "As a send would write them; the tokens in the addresses are samples."),
    headers.length ? el("table", { class: "headers" }, el("tbody", {}, ...rows)) : el("p", { class: "quiet" }, "They cannot be written:"),
    el("h2", {}, "Over the wire"), el("pre", { class: "raw", dir: "ltr" }, raw));
}

/** Say why a mail cannot be made, and what stands below instead. */
export function drawTrouble(host, told, broken) {
  const errors = told.findings.filter((each) => each.severity === "error");
  const shown = errors.length ? errors : told.wrong ? told.findings.filter((each) => each.code === "LC520") : [];
  const reason = told.wrong && !shown.length
    ? el("article", { class: "finding error" }, el("header", {}, el("b", { class: "code" }, "render"), el("a", {}, told.wrong.where)), el("p", {}, told.wrong.message), told.wrong.hint ? el("p", { class: "hint" }, told.wrong.hint) : null) : null;
  host.replaceChildren(
    el("h2", {}, told.instead ? "This mail cannot be made for this person" : broken ? "lifecycle.yaml cannot be read" : told.stale ? "This mail cannot be made" : many(errors.length, "error")),
    el("p", {}, !told.stale ? "" : told.instead ? "Below is what the plain sample gets." : told.mail ? "Below is the last version that could be. It comes back by itself when the file is saved." : "It comes by itself when the file is saved."),
    ...shown.map(findingCard), ...(reason ? [reason] : []));
}
