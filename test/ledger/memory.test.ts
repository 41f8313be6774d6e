import t from 'tap';
import { MemoryLedger } from '#src/ledger/memory.js';
import { ledgerContract } from './contract.js';

ledgerContract(t, { name: 'memory', open: async () => new MemoryLedger() });
