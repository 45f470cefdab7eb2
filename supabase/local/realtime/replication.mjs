// The database's changes, by logical replication (pgoutput), for the development stand-in of Realtime.
// https://www.postgresql.org/docs/17/protocol-logicalrep-message-formats.html
import postgres from "postgres";

const RETRY_MS = 300;
const POSTGRES_EPOCH_MS = Date.UTC(2000, 0, 1);

/** Call `onChange({type, relation, row, old, at, transaction})` for every row changed in the publications, for ever. */
export class Replication {
  #options;
  #sql;
  #relations = new Map();
  #committedAt;
  #transaction;
  #stopped = false;

  constructor(options) {
    this.#options = options; // {url, publications, prepare, onChange}
  }

  /** Resolves once the first connection streams. Reconnects by itself, also after a database reset. */
  async start() {
    for (;;) {
      try {
        return await this.#connect();
      } catch (error) {
        if (this.#stopped) return undefined;
        if (error.code !== "3D000" && error.code !== "ECONNREFUSED")
          console.error(JSON.stringify({ event: "replication.failed", message: error.message }));
        await this.#sql?.end({ timeout: 1 }).catch(() => {});
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  stop() {
    this.#stopped = true;
    return this.#sql?.end({ timeout: 0 });
  }

  async #connect() {
    await this.#options.prepare();
    this.#relations.clear();
    const connection = { replication: "database", application_name: "truckroll-realtime" };
    this.#sql = postgres(this.#options.url, {
      max: 1,
      fetch_types: false,
      idle_timeout: null,
      max_lifetime: null,
      no_subscribe: true,
      connection,
    });
    const slot = `truckroll_${process.pid}_${Math.random().toString(36).slice(2)}`;
    const [created] = await this.#sql.unsafe(
      `CREATE_REPLICATION_SLOT ${slot} TEMPORARY LOGICAL pgoutput NOEXPORT_SNAPSHOT`,
    );
    const publications = this.#options.publications.join(",");
    const stream = await this.#sql
      .unsafe(
        `START_REPLICATION SLOT ${slot} LOGICAL ${created.consistent_point} (proto_version '1', publication_names '${publications}')`,
      )
      .writable();
    stream.on("data", (message) => this.#read(message, stream));
    stream.on("error", () => {});
    stream.once("close", () => {
      if (!this.#stopped) setTimeout(() => this.start(), RETRY_MS);
    });
  }

  #read(message, stream) {
    if (message[0] === 0x77) this.#decode(message.subarray(25));
    else if (message[0] === 0x6b && message[17]) acknowledge(stream, message.subarray(1, 9));
  }

  #decode(data) {
    const reader = new Reader(data);
    const kind = String.fromCharCode(reader.byte());
    if (kind === "B") {
      reader.skip(8);
      this.#committedAt = new Date(POSTGRES_EPOCH_MS + Number(reader.int64() / 1000n));
      this.#transaction = reader.int32() >>> 0;
    } else if (kind === "R") {
      const relation = readRelation(reader);
      this.#relations.set(relation.oid, relation);
    } else if (kind === "I" || kind === "U" || kind === "D") {
      this.#options.onChange(this.#readChange(kind, reader));
    }
  }

  #readChange(kind, reader) {
    const relation = this.#relations.get(reader.int32());
    const change = {
      type: { I: "INSERT", U: "UPDATE", D: "DELETE" }[kind],
      relation,
      row: null,
      old: null,
      at: this.#committedAt,
      transaction: this.#transaction,
    };
    let marker = String.fromCharCode(reader.byte());
    if (marker === "K" || marker === "O") {
      change.old = readRow(reader, relation.columns, marker === "K");
      if (kind === "D") return change;
      marker = String.fromCharCode(reader.byte());
    }
    change.row = readRow(reader, relation.columns);
    return change;
  }
}

class Reader {
  #offset = 0;

  constructor(data) {
    this.data = data;
  }

  get done() {
    return this.#offset >= this.data.length;
  }

  skip(bytes) {
    this.#offset += bytes;
  }

  byte() {
    return this.data[this.#offset++];
  }

  int16() {
    return this.data.readInt16BE((this.#offset += 2) - 2);
  }

  int32() {
    return this.data.readUInt32BE((this.#offset += 4) - 4);
  }

  int64() {
    return this.data.readBigInt64BE((this.#offset += 8) - 8);
  }

  text(length = this.data.indexOf(0, this.#offset) - this.#offset) {
    return this.data.toString("utf8", this.#offset, (this.#offset += length));
  }
}

function readRelation(reader) {
  const oid = reader.int32();
  const schema = reader.text() || "pg_catalog";
  reader.skip(1);
  const table = reader.text();
  reader.skip(2); // the terminator, and the replica identity
  const columns = Array.from({ length: reader.int16() }, () => {
    const isKey = reader.byte() === 1;
    const name = reader.text();
    reader.skip(1);
    const type = reader.int32();
    reader.skip(4);
    return { name, type, isKey };
  });
  return { oid, schema, table, columns };
}

// Values are Postgres's text; an unchanged value too large for the row itself is left out.
function readRow(reader, columns, onlyKeys = false) {
  const row = {};
  reader.skip(2);
  for (const { name, isKey } of columns) {
    const kind = String.fromCharCode(reader.byte());
    const value = kind === "t" ? reader.text(reader.int32()) : null;
    if (kind !== "u" && (isKey || !onlyKeys)) row[name] = value;
  }
  return row;
}

function acknowledge(stream, position) {
  const reply = Buffer.alloc(34);
  reply[0] = "r".charCodeAt(0);
  for (const offset of [1, 9, 17]) position.copy(reply, offset);
  reply.writeBigInt64BE(BigInt(Date.now() - POSTGRES_EPOCH_MS) * 1000n, 25);
  stream.write(reply);
}
