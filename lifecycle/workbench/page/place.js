// Where one is: kept in the address, so that it can be sent to a colleague and the back button works.

const DEFAULTS = { view: "mail", mail: "", locale: "", who: "", width: "700", dark: "", images: "1", tab: "html", file: "" };

export const place = { ...DEFAULTS };
const listeners = [];

export function onMove(listener) {
  listeners.push(listener);
}

/** Go somewhere: {mail: "cart/reminder", tab: "text"}. `quietly` leaves no step for the back button. */
export function go(changes, { quietly = false } = {}) {
  if (Object.entries(changes).every(([name, value]) => place[name] === String(value))) return;
  for (const [name, value] of Object.entries(changes)) place[name] = String(value);
  const query = Object.entries(place).filter(([name, value]) => value !== DEFAULTS[name]);
  const address = "/?" + query.map(([name, value]) => `${name}=${encodeURIComponent(value).replaceAll("%2F", "/")}`).join("&");
  history[quietly ? "replaceState" : "pushState"](null, "", address.replace(/\?$/, ""));
  listeners.forEach((listener) => listener());
}

export function read() {
  const query = new URLSearchParams(location.search);
  for (const name of Object.keys(DEFAULTS)) place[name] = query.get(name) ?? DEFAULTS[name];
  if (!(Number(place.width) >= 200 && Number(place.width) <= 1600)) place.width = DEFAULTS.width;
}

window.addEventListener("popstate", () => {
  read();
  listeners.forEach((listener) => listener());
});

/** The address of a mail's page as it is to be shown; `key` changes when the mail does. */
export function pageOf(mail, locale, who, key) {
  const query = new URLSearchParams({ locale, who, dark: place.dark, images: place.images, key });
  return `/page/${mail.split("/").map(encodeURIComponent).join("/")}?${query}`;
}

export function mailOf(mail, locale, who) {
  return `/mail/${mail.split("/").map(encodeURIComponent).join("/")}?${new URLSearchParams({ locale, who })}`;
}
