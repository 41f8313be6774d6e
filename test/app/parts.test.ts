import t from 'tap';
import { type Part, startParts, together } from '#src/app/parts.js';

/** Says what becomes of it; `fails` in starting or stopping. */
function part(said: string[], name: string, fails?: 'start' | 'stop'): Part {
  const say = async (what: 'start' | 'stop'): Promise<void> => {
    await Promise.resolve();
    said.push(`${what} ${name}`);
    if (fails === what) throw new Error(`${name} can not ${what}`);
  };
  return { name, start: () => say('start'), stop: () => say('stop') };
}

t.test('parts are started in order, each after the one before, and stopped in reverse', async (t) => {
  const said: string[] = [];
  const stop = await startParts([part(said, 'a'), { name: 'neither' }, part(said, 'b'), part(said, 'c')]);
  await stop();
  t.strictSame(said, ['start a', 'start b', 'start c', 'stop c', 'stop b', 'stop a']);
});

t.test('a part that can not be started stops those that were, and says why', async (t) => {
  const said: string[] = [];
  const parts = [part(said, 'a'), part(said, 'b', 'stop'), part(said, 'c', 'start'), part(said, 'd')];
  await t.rejects(startParts(parts), { message: 'c can not start' });
  t.strictSame(said, ['start a', 'start b', 'start c', 'stop b', 'stop a']);
});

t.test('a part that can not be stopped holds up none of the others, and is heard of', async (t) => {
  const said: string[] = [];
  const stop = await startParts([part(said, 'a'), part(said, 'b', 'stop'), part(said, 'c')]);
  await t.rejects(stop(), { message: 'b can not stop' });
  t.strictSame(said.slice(3), ['stop c', 'stop b', 'stop a']);
});

t.test('parts that are together stop at once', async (t) => {
  const said: string[] = [];
  let end = () => {};
  const slow: Part = {
    name: 'slow',
    stop: () =>
      new Promise<void>((resolve) => {
        end = resolve;
      }),
  };
  const stop = await startParts([part(said, 'a'), together('doors', [slow, part(said, 'quick')])]);
  const stopped = stop();
  while (!said.includes('stop quick')) await Promise.resolve();
  t.notOk(said.includes('stop a'), 'what was started before them waits for all of them');
  end();
  await stopped;
  t.strictSame(said.slice(2), ['stop quick', 'stop a']);
});

t.test('of parts that are together none is left when one can not be started', async (t) => {
  const said: string[] = [];
  const doors = together('doors', [part(said, 'http'), part(said, 'grpc', 'start')]);
  await t.rejects(startParts([part(said, 'a'), doors]), { message: 'grpc can not start' });
  t.strictSame(said.slice(3), ['stop http', 'stop a']);
});
