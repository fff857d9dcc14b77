const ID = '00000000-0000-4000-8000-000000000000';

/** The part of a log that live feeds use: pages of new events. */
export class LiveLog {
  waiting = [];
  published = 0;
  revisions = new Map();
  wake = () => {};

  publish(conversation, data, at) {
    const revision = (this.revisions.get(conversation) ?? -1) + 1;
    this.revisions.set(conversation, revision);
    const meta = `{"conversation":"${conversation}","owner":"ada","actor":{"id":"ada","kind":"user"},"correlationId":"c","commandId":"c"}`;
    const [stream, position] = [`conversation-${conversation}`, String(++this.published).padStart(19, '0')];
    const what = { id: ID, type: 'ConversationRenamed', schema: 1, tenant: 'default', at, data, meta };
    this.waiting.push({ ...what, stream, revision, position });
    this.wake();
  }

  async head() {
    return '';
  }

  async *readStream() {}

  async *subscribe() {
    for (;;) {
      const events = this.waiting;
      this.waiting = [];
      if (events.length > 0) yield { events, position: events.at(-1).position, live: true };
      else {
        await new Promise((resolve) => {
          this.wake = resolve;
        });
      }
    }
  }
}
