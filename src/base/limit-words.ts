/** Short names of limits for places with little room. Other limits have their full name. */

const WORDS: Readonly<Record<string, string>> = {
  ingestion_rate: 'ingestion rate',
  request_rate: 'request rate',
  bytes_per_second: 'byte rate',
  max_active_series_per_user: 'active-series limit',
  max_global_series_per_user: 'series limit',
};

export function limitText(name: string): string {
  return WORDS[name] ?? name;
}
