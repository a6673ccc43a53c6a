/** The story behind the golden files about members: one comes and stays, the next is under way, a leader does what nobody ordered. */

import { Cluster, memberOf } from './cluster.js';

export function membersStory(): Cluster {
  const cluster = new Cluster();
  cluster.configure(['n1', 'n2', 'w1']);
  cluster.order('ada', { command: 'addNode', member: memberOf('n3', 'nagoya') });
  cluster.configure(['n1', 'n2', 'w1'], ['n3:staging']);
  cluster.configure(['n1', 'n2', 'n3', 'w1'], [], ['n1', 'n2', 'w1']);
  cluster.configure(['n1', 'n2', 'n3', 'w1']);
  cluster.attest(['n1', 'n2', 'n3']);
  cluster.order('ada', { command: 'addNode', member: memberOf('s1', 'sapporo', 'standby') });
  cluster.configure(['n1', 'n2', 'n3', 'w1'], ['s1:standby']);
  cluster.attest(['n1', 'n2', 'n3']);
  cluster.order('ada', { command: 'promoteNode', node: 's1' });
  cluster.configure(['n1', 'n2', 'n3', 'w1', 's1']);
  cluster.attest(['n1', 'n2', 'n3']);
  cluster.order('ada', { command: 'removeNode', node: 'w1', reason: 'the site closes' });
  cluster.configure(['n1', 'n2', 'n3', 's1']);
  cluster.attest(['n1', 'n2', 'n3']);
  cluster.order('ada', {
    command: 'replaceNode',
    node: 'n2',
    member: memberOf('n4', 'osaka'),
    reason: 'its disk failed',
  });
  cluster.configure(['n1', 'n3', 's1']);
  return cluster;
}
