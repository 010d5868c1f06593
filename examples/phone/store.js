// Three small stores in IndexedDB: what waits to be sent, what the record did not take, settings.

let opened;

function database() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open("check-in", 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("waiting", { keyPath: "order", autoIncrement: true });
      request.result.createObjectStore("kept", { keyPath: "item.id" });
      request.result.createObjectStore("settings");
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opened;
}

// Runs one transaction over all stores; what `work` gives is known once it is on the disk.
async function transaction(mode, work) {
  const db = await database();
  return new Promise((resolve, reject) => {
    const running = db.transaction(["waiting", "kept", "settings"], mode, { durability: "strict" });
    const asked = work((name) => running.objectStore(name));
    running.oncomplete = () => resolve(asked?.result);
    running.onerror = running.onabort = () => reject(running.error);
  });
}

export const add = (item) => transaction("readwrite", (store) => store("waiting").add({ item }));
export const oldest = (most) => transaction("readonly", (store) => store("waiting").getAll(null, most));
export const waiting = () => transaction("readonly", (store) => store("waiting").count());
export const kept = () => transaction("readonly", (store) => store("kept").getAll());
export const putAway = (id) => transaction("readwrite", (store) => store("kept").delete(id));
export const setting = (name) => transaction("readonly", (store) => store("settings").get(name));

export const setSettings = (settings) =>
  transaction("readwrite", (store) => {
    for (const [name, value] of Object.entries(settings)) store("settings").put(value, name);
  });

// What was sent leaves the queue, what was not taken is kept with its reason: both or neither.
export const settle = (orders, notTaken, settings) =>
  transaction("readwrite", (store) => {
    for (const order of orders) store("waiting").delete(order);
    for (const one of notTaken) store("kept").put(one);
    for (const [name, value] of Object.entries(settings)) store("settings").put(value, name);
  });
