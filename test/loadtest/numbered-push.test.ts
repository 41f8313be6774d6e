import t from 'tap';
import { numberedPush, numberOf } from '../../loadtest/numbered-push.js';
import { PUSH_500 } from '../doors/http/fixtures.js';

t.test('a push has the number that it was given, and others have none', async (t) => {
  for (const number of [0, 7, 18, 128, 99_999, 12_345_678]) t.equal(numberOf(numberedPush(number)), number);
  t.equal(numberOf(PUSH_500), undefined);
});
