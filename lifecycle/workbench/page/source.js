// The files that a mail is made of, with their lines numbered and the lines that something is wrong with marked.

import { el } from "/dom.js";
import { go, place } from "/place.js";

const PARTS = /(\{\{[^]*?\}\}|\{%[^]*?%\}|\{#[^]*?#\}|<!--[^]*?-->|<\/?[a-zA-Z][^<>]*>)/;

function kind(part) {
  if (part.startsWith("{#") || part.startsWith("<!--")) return "comment";
  if (part.startsWith("{")) return "jinja";
  return part.startsWith("<") ? "element" : "";
}

function lines(text, path) {
  const made = [[]];
  const parts = path.endsWith(".mjml") ? text.split(PARTS) : [text];
  for (const part of parts) {
    if (!part) continue;
    const style = PARTS.test(part) ? kind(part) : "";
    part.split("\n").forEach((piece, index) => {
      if (index) made.push([]);
      if (piece) made.at(-1).push(style ? el("span", { class: style }, piece) : piece);
    });
  }
  return made;
}

export function drawSource(host, told) {
  const files = told.sources;
  const chosen = files.find((file) => file.path === place.file) ?? files[0];
  if (!chosen) return host.replaceChildren(el("p", { class: "quiet" }, "There is no file to show."));
  const wrong = new Map(told.findings.filter((each) => each.file === chosen.path).map((each) => [each.line, each]));
  const picker = el("div", { class: "files" }, ...files.map((file) => el("button", {
    type: "button", "aria-pressed": String(file === chosen), onclick: () => go({ file: file.path }),
  }, file.path.replace(/^templates\//, ""))));
  const code = el("ol", { class: "code", dir: "ltr" }, ...lines(chosen.text.replace(/\n$/, ""), chosen.path).map((line, index) => {
    const found = wrong.get(index + 1);
    return el("li", { class: found?.severity, title: found?.message }, el("code", { dir: "auto" }, ...line));
  }));
  host.replaceChildren(picker, code);
  code.querySelector("li.error, li.warning")?.scrollIntoView({ block: "nearest" });
}
