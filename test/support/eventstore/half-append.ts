import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectSession } from 'node:http2';
import { connect } from 'node:net';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import { identifierOf } from './wire.js';

/** An append whose client dies in the middle of it: all that it says arrives, and its end of the line at once with it. */
export async function halfAppend(port: number, stream: string): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  const session = connectSession(`http://127.0.0.1:${port}`, { createConnection: () => socket });
  session.on('error', () => {});
  await once(session, 'remoteSettings');
  const request = session.request({
    ':method': 'POST',
    ':path': '/event_store.client.streams.Streams/Append',
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  request.on('error', () => {});
  request.write(framed(new streams.AppendReq().setOptions(optionsOf(stream))));
  request.write(framed(new streams.AppendReq().setProposedMessage(anEvent())));
  await new Promise((resolve) => setImmediate(resolve));
  socket.end();
  await once(socket, 'close');
}

function framed(message: streams.AppendReq): Buffer {
  const bytes = message.serializeBinary();
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
}

function optionsOf(stream: string): streams.AppendReq.Options {
  return new streams.AppendReq.Options().setStreamIdentifier(identifierOf(stream)).setNoStream(new shared.Empty());
}

function anEvent(): streams.AppendReq.ProposedMessage {
  const message = new streams.AppendReq.ProposedMessage().setId(new shared.UUID().setString(randomUUID()));
  message.getMetadataMap().set('type', 'Said').set('content-type', 'application/octet-stream');
  message.setData(Buffer.from('half of it'));
  return message;
}
