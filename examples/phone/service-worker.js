// Keeps the page's own files, so that it opens without a network. It never touches the API:
// what the clinic's server answers is not to be found in a cache.

const SHELL = "check-in-2"; // another name where a file has changed
const FILES = ["./", "index.html", "style.css", "page.js", "queue.js", "store.js"];

self.addEventListener("install", (event) => {
  event.waitUntil(
    caches
      .open(SHELL)
      .then((cache) => cache.addAll(FILES))
      .then(() => self.skipWaiting()),
  );
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter((name) => name !== SHELL).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

self.addEventListener("fetch", (event) => {
  const ours = event.request.method === "GET" && event.request.url.startsWith(self.registration.scope);
  if (!ours || event.request.headers.has("authorization")) return;
  event.respondWith(
    caches
      .open(SHELL)
      .then((cache) => cache.match(event.request, { ignoreSearch: true }))
      .then((kept) => kept ?? fetch(event.request)),
  );
});
