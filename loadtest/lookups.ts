/** Has the system's look-ups answered by the DNS server that LOOKUP_SERVER names: for builds that can ask no other. */
import dns from 'node:dns';

type Done = (error: Error | null, address?: unknown, family?: number) => void;

const resolver = new dns.promises.Resolver();
resolver.setServers([process.env['LOOKUP_SERVER'] ?? '']);

Object.assign(dns, {
  lookup(name: string, given: { readonly all?: boolean } | Done, last?: Done): void {
    const done = last ?? (given as Done);
    const wantsAll = last !== undefined && (given as { readonly all?: boolean }).all;
    const answer = (address: string) =>
      wantsAll ? done(null, [{ address, family: 4 }]) : done(null, address, 4);
    resolver.resolve4(name).then(
      ([address = '']) => answer(address),
      () => answer(name),
    );
  },
});
