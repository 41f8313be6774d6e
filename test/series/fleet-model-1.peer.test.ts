import t from 'tap';
import { redisMissing } from '../shared/redis-server.js';
import { compareWithMimir } from './fleet-model.js';

t.test('50,000 pushes at three replicas: admitted is what Mimir would admit', { skip: redisMissing }, (t) =>
  compareWithMimir(t, 4711, 50_000),
);
