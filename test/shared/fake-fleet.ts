/** A fleet's store in memory, that can be away, and to which anybody may write. */
import {
  type FleetMember,
  type FleetStore,
  MOST_QUESTION_BYTES,
  MOST_QUESTIONS,
  type StoredQuestion,
} from '#src/shared/fleet-store.js';

export class FakeFleet implements FleetStore {
  members: FleetMember[] = [];
  stream: StoredQuestion[] = [];
  readonly given = new Map<string, Buffer>();
  startTexts: string[] = [];
  away = false;
  calls = 0;
  #id = 0;

  async connect(): Promise<void> {}

  async announce(self: FleetMember): Promise<readonly FleetMember[]> {
    this.#called();
    if (!this.members.some(({ id }) => id === self.id)) this.members.push(self);
    return [...this.members];
  }

  async leave(left: string): Promise<void> {
    this.members = this.members.filter(({ id }) => id !== left);
  }

  async ask(text: string): Promise<void> {
    this.#called();
    this.stream = [...this.stream, { id: String(++this.#id).padStart(9, '0'), text }].slice(-MOST_QUESTIONS);
  }

  async questions(after: string): Promise<readonly StoredQuestion[] | undefined> {
    this.#called();
    if (this.stream.length === 0) return undefined;
    return this.stream.filter(({ id, text }) => id > after && text.length <= MOST_QUESTION_BYTES);
  }

  async answer(question: string, member: string, bytes: Buffer): Promise<void> {
    this.#called();
    this.given.set(`${question} ${member}`, bytes);
  }

  async answers(question: string, members: readonly string[]): Promise<readonly (Buffer | undefined)[]> {
    this.#called();
    return members.map((member) => {
      const bytes = this.given.get(`${question} ${member}`);
      this.given.delete(`${question} ${member}`);
      return bytes;
    });
  }

  async addStart(text: string): Promise<void> {
    this.#called();
    this.startTexts.push(text);
  }

  async starts(): Promise<readonly string[]> {
    this.#called();
    return this.startTexts;
  }

  close(): void {}

  #called(): void {
    this.calls++;
    if (this.away) throw new Error('away');
  }
}
