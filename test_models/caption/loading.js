// Collections as they come from the server, see collection.py.

function unpacked(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const count = header.ids.length;
  let at = 4 + length;
  const places = new Float32Array(buffer, at, 2 * count);
  at += 8 * count;
  const vectors = header.width ? theresa.bfloat16(buffer.slice(at, at += 2 * count * header.width)) : null;
  const starts = header.thumbnails.map(size => (at += size) - size), sources = [];
  return {
    ...header, vectors,
    x: places.filter((_, n) => n % 2 === 0), y: places.filter((_, n) => n % 2),
    thumbnail(n) {
      if (header.address) return header.address + n;
      if (!header.thumbnails[n]) return null;
      return sources[n] ??= URL.createObjectURL(new Blob([new Uint8Array(buffer, starts[n], header.thumbnails[n])], {type: "image/jpeg"}));
    },
  };
}

// Calls `show` with the collection that the server was started with, and with those that are dropped.
async function loadCollections(show) {
  const words = theresa.labels(props.labels);
  const zone = await theresa.part("caption-map-zone");
  const get = async (...asked) => {
    const response = await fetch(...asked);
    if (response.status === 200) show(unpacked(await response.arrayBuffer()));
    else if (response.status === 422) throw (await response.json()).message;
    else if (response.status !== 204) throw words.lost;
  };
  zone.element.addEventListener("theresa:send", async event => {
    event.preventDefault();
    zone.busy();
    try {
      const files = [];
      for (const file of zone.files) {
        files.push({name: file.name, path: await theresa.sent(upload, file).catch(reason => { throw zone.why(file, reason); })});
      }
      const body = JSON.stringify({files});
      await get("caption/collection", {method: "POST", body, headers: {"Content-Type": "application/json"}});
    } catch (sentence) {
      zone.say(typeof sentence === "string" ? sentence : words.lost);
    } finally {
      zone.free();
    }
  });
  await get("caption/collection").catch(() => zone.say(words.lost));
}
