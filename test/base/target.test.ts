import t from 'tap';
import { originForm } from '#src/base/http1/target.js';

t.test('a target is the path that every server reads in it, or none', async (t) => {
  for (const [target, path] of [
    ['/', '/'],
    ['/a?b=http://c/', '/a?b=http://c/'],
    ['//a', '//a'],
    ['http://h/a?b', '/a?b'],
    ['HTTPS://h/a', '/a'],
    ['http://h', '/'],
    ['http://h?a', '/?a'],
    ["http://A-z.0_9~!$&'()*+,=:[]%/a", '/a'],
    ['http://h:80//a', '//a'],
    ['http://h/a/http://i/b', '/a/http://i/b'],
  ] as const) {
    t.equal(originForm(target), path, target);
  }
  for (const target of [
    '',
    '*',
    'h:80',
    'a/b',
    '?a',
    '/a#b',
    'http://h/#',
    'http://',
    'http:///a',
    'http:/a',
    'http:a',
    'httpss://h/a',
    'ws://h/a',
    'xhttp://h/a',
    'http://u@h/a',
    'http://h\\/a',
    'http://h;/a',
    'http://h a',
  ]) {
    t.equal(originForm(target), undefined, target);
  }
});
