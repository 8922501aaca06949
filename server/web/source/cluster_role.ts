// A server's place in its cluster, as GET /version tells it.

export interface Cluster {
  role: string;
  cluster: string;
  term: number;
  leader: string | null;
  lag_ms?: number;
  etcd_ms?: number;
}

/// A server's place in its cluster, in words.
export function roleOf(one: Cluster): string {
  if (one.role === 'leader') return `Leader of the cluster ${one.cluster}, term ${one.term}; etcd answers in ${(one.etcd_ms ?? 0).toFixed(1)} ms`;
  if (one.leader === null) return `Standby of the cluster ${one.cluster}; nobody leads it now`;
  const lag = one.lag_ms === undefined ? '' : `, ${one.lag_ms.toFixed(1)} ms behind`;
  return `Standby of the cluster ${one.cluster}, term ${one.term}; ${one.leader} leads${lag}`;
}
