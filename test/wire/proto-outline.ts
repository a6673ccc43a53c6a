/**
 * What other programs depend on in proto/taa: names, numbers and types of fields, values of enums, shapes of methods. The
 * outline that was published last is test/fixtures/proto-outline.json; `npm run proto` adds what is new to it and refuses
 * what breaks it.
 */

import { packageDefinition } from '../../src/wire/descriptor.js';

/** `message taa.v1.Hello.session` → `1 TYPE_BYTES LABEL_OPTIONAL`, and so on. */
export type Outline = Readonly<Record<string, string>>;

interface FieldDescriptor {
  readonly name: string;
  readonly number: number;
  readonly type: string;
  readonly label: string;
  readonly typeName?: string;
  readonly oneofIndex?: number;
}

interface Definition {
  readonly format?: string;
  readonly type?: {
    readonly field?: readonly FieldDescriptor[];
    readonly value?: readonly { readonly name: string; readonly number: number }[];
    readonly oneofDecl?: readonly { readonly name: string }[];
  };
}

interface Method {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly requestType: { readonly type: { readonly name: string } };
  readonly responseType: { readonly type: { readonly name: string } };
}

export function outlineOf(definitions: Readonly<Record<string, unknown>> = packageDefinition()): Outline {
  const lines: (readonly [string, string])[] = [];
  for (const [name, definition] of Object.entries(definitions)) {
    if (!name.startsWith('taa.')) continue;
    const { format, type } = definition as Definition;
    if (format === undefined) {
      for (const method of Object.values(definition as Readonly<Record<string, Method>>)) {
        const { path, requestStream, responseStream, requestType, responseType } = method;
        const side = (stream: boolean, message: string): string => `${stream ? 'stream ' : ''}${message}`;
        lines.push([
          `method ${path}`,
          `${side(requestStream, requestType.type.name)} → ${side(responseStream, responseType.type.name)}`,
        ]);
      }
    } else {
      for (const field of type?.field ?? []) {
        const oneof = field.oneofIndex === undefined ? '' : (type?.oneofDecl?.[field.oneofIndex]?.name ?? '');
        const parts = [field.number, field.type, field.label, field.typeName, oneof && `oneof ${oneof}`];
        lines.push([`field ${name}.${field.name}`, parts.filter(Boolean).join(' ')]);
      }
      for (const value of type?.value ?? []) lines.push([`enum ${name}.${value.name}`, String(value.number)]);
    }
  }
  return Object.fromEntries(lines.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** What of the published outline the current one changes, takes away, or gives another meaning. */
export function breakingChanges(published: Outline, current: Outline): readonly string[] {
  const changes: string[] = [];
  for (const [name, shape] of Object.entries(published)) {
    const now = current[name];
    if (now === undefined) changes.push(`${name} is gone (it was ${shape})`);
    else if (now !== shape) changes.push(`${name} was ${shape} and is ${now}`);
  }
  // A number that was published under another name must never come back.
  const numberOf = (name: string, shape: string): string =>
    `${name.slice(0, name.lastIndexOf('.'))} ${shape.split(' ', 1)[0] ?? ''}`;
  const taken = new Map<string, string>();
  for (const [name, shape] of Object.entries(published)) {
    if (!name.startsWith('method')) taken.set(numberOf(name, shape), name);
  }
  for (const [name, shape] of Object.entries(current)) {
    const owner = name.startsWith('method') ? undefined : taken.get(numberOf(name, shape));
    if (owner !== undefined && owner !== name) changes.push(`${name} takes the number of ${owner}`);
  }
  return changes;
}
