import t from 'tap';
import { MemoryUsage } from '#src/shared/memory/memory-usage.js';
import { usageContract } from '../usage-contract.js';

usageContract(t, async () => new MemoryUsage(Date.now));
