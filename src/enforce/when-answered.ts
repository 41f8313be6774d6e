/** Continues with an answer: at once if it is there, which is nearly always so, else when the promise resolves. */
export function whenAnswered<A, T>(answer: A | Promise<A>, hear: (answer: A) => T): T | Promise<T> {
  return answer instanceof Promise ? answer.then(hear) : hear(answer);
}
