import t from 'tap';
import { MemoryLedger } from '#src/shared/memory/memory-ledger.js';
import { ledgerContract } from '../contract.js';

ledgerContract(t, { name: 'memory', open: async () => new MemoryLedger() });
