/** Numbers and times in the API's sentences, with one set of units: k, M, G. */

const UNITS = ['', ' k', ' M', ' G', ' T'];

/** Three digits at most: 4.5 k, 12 k, 950. */
export function shorter(value: number): string {
  let scaled = value;
  let unit = 0;
  while (Math.abs(scaled) >= 999.5 && unit < UNITS.length - 1) {
    scaled /= 1000;
    unit++;
  }
  const digits = Math.abs(scaled) < 99.95 ? 1 : 0;
  return `${Number(scaled.toFixed(digits))}${UNITS[unit]}`;
}

export function count(number: number, one: string, many: string): string {
  return `${number} ${number === 1 ? one : many}`;
}

export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86_400)} d ${Math.floor((whole % 86_400) / 3600)} h`;
}
