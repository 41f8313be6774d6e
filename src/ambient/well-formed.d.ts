/** In Node from 20 on; TypeScript has it from ES2024 on. */
interface String {
  /** No surrogate stands alone. */
  isWellFormed(): boolean;
}
