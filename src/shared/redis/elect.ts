/** Calls about elections: elect.lua and resign.lua. */
import { electionsKey } from './keys.js';
import { readLua, type Script } from './script.js';

export const electScript: Script<'elect'> = {
  lua: readLua('elect.lua'),

  encode: (prefix, tenant, { ha, updateMs, takeoverMs, mostClusters, forgetMs }) => [
    [
      electionsKey(prefix, tenant),
      ha.cluster,
      ha.replica,
      ...[updateMs, takeoverMs, mostClusters, forgetMs].map(String),
    ],
  ],

  decode([reply = []]) {
    const [replica, age] = reply;
    return replica === undefined ? undefined : { replica: String(replica), ageMs: Number(age) };
  },
};

export const resignScript: Script<'resign'> = {
  lua: readLua('resign.lua'),
  encode: (prefix, tenant, { ha }) => [[electionsKey(prefix, tenant), ha.cluster, ha.replica]],
  decode: () => undefined,
};
