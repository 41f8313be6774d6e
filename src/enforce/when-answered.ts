/** What follows from an answer: at once where the answer is there already, as it nearly always is, and else a promise. */
export function whenAnswered<A, T>(answer: A | Promise<A>, hear: (answer: A) => T): T | Promise<T> {
  return answer instanceof Promise ? answer.then(hear) : hear(answer);
}
