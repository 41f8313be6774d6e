/** The admin API of an edge with two workers lets in and turns away as that of one process does. */
import t from 'tap';
import { accessCases } from './cases/access.js';
import { questionsCases } from './cases/questions.js';
import { inTwoWorkers } from './fixtures.js';

for (const cases of [accessCases, questionsCases]) cases(t, inTwoWorkers);
