// The node's API as a sensor uses it: over HTTPS with a self-made certificate.
import { request } from 'node:https';

export function post(url, key, body) {
  return new Promise((resolve, reject) => {
    const headers = { Authorization: `Bearer ${key}`, 'Content-Type': 'application/x-ndjson', 'Content-Length': Buffer.byteLength(body) };
    const call = request(url, { method: 'POST', headers, rejectUnauthorized: false, timeout: 20_000 }, (answer) => {
      const parts = [];
      answer.on('data', (part) => parts.push(part));
      answer.on('end', () => resolve({ status: answer.statusCode, text: Buffer.concat(parts).toString() }));
    });
    call.on('timeout', () => call.destroy(new Error('the node did not answer in 20 s')));
    call.on('error', reject);
    call.end(body);
  });
}

const OUTSIDE = '192.0.2.53';

/** Suricata EVE lines that meet indicators of the drill (src/cli/drill.c); `tag` makes their names new in each run. */
export function dnsEvent(tag) {
  const event = {
    timestamp: new Date().toISOString().replace('Z', '000+0000'),
    host: `browser-${tag}`,
    event_type: 'dns',
    src_ip: '192.0.2.17',
    src_port: 49152,
    dest_ip: OUTSIDE,
    dest_port: 53,
    proto: 'UDP',
    dns: { type: 'query', rrname: `t${tag}.parcel-refund.example`, rrtype: 'A' },
  };
  return `${JSON.stringify(event)}\n`;
}
