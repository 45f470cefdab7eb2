// Phoenix frames of the development stand-in: objects in protocol 1.0.0, arrays in 2.0.0, where a client's
// broadcast may also come as a binary frame (realtime-js, src/lib/serializer.ts).

const PUSHED_BROADCAST = 3;
const BROADCAST = 4;
const JSON_ENCODED = 1;

/** Read one frame: {joinRef, ref, topic, event, payload}. Throws on anything else. */
export function decode(data, isBinary, version) {
  if (isBinary) return decodePushedBroadcast(data);
  const frame = JSON.parse(data.toString("utf8"));
  if (version === "2.0.0") {
    const [joinRef, ref, topic, event, payload] = frame;
    return { joinRef, ref, topic, event, payload };
  }
  return {
    joinRef: frame.join_ref,
    ref: frame.ref,
    topic: frame.topic,
    event: frame.event,
    payload: frame.payload,
  };
}

export function encode({ joinRef = null, ref = null, topic, event, payload }, version) {
  if (event === "broadcast" && Buffer.isBuffer(payload.payload)) return encodeBinaryBroadcast(topic, payload, version);
  return version === "2.0.0"
    ? JSON.stringify([joinRef, ref, topic, event, payload])
    : JSON.stringify({ topic, event, payload, ref, join_ref: joinRef });
}

function decodePushedBroadcast(data) {
  if (data[0] !== PUSHED_BROADCAST) throw new Error(`unknown binary frame of kind ${data[0]}`);
  const sizes = [...data.subarray(1, 6)];
  const encoding = data[6];
  let offset = 7;
  const [joinRef, ref, topic, userEvent] = sizes.map((size) => data.toString("utf8", offset, (offset += size)));
  const body = data.subarray(offset);
  const payload = encoding === JSON_ENCODED ? JSON.parse(body.toString("utf8")) : body;
  return {
    joinRef,
    ref,
    topic,
    event: "broadcast",
    payload: { type: "broadcast", event: userEvent, payload },
  };
}

// Protocol 1.0.0 has no binary frames: such a client does not get the message, as hosted.
function encodeBinaryBroadcast(topic, { event, payload, meta }, version) {
  if (version !== "2.0.0") return null;
  const parts = [topic, event, meta ? JSON.stringify(meta) : ""].map((text) => Buffer.from(text));
  return Buffer.concat([Buffer.from([BROADCAST, ...parts.map((part) => part.length), 0]), ...parts, payload]);
}
