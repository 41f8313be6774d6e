/**
 * The gRPC messages as FileDescriptorProtos for server reflection. protobufjs describes single types; here they are grouped
 * into their original files, with full names and imports.
 */
import { basename } from 'node:path';
import protobuf from 'protobufjs';
import descriptor from 'protobufjs/ext/descriptor.js';

export interface DescribedFile {
  readonly name: string;
  /** Files that it imports. */
  readonly imports: readonly string[];
  readonly bytes: Uint8Array;
}

export interface DescribedFiles {
  readonly byName: ReadonlyMap<string, DescribedFile>;
  /** By the full names of messages, enums and services, including nested ones. */
  readonly bySymbol: ReadonlyMap<string, DescribedFile>;
}

type Described = protobuf.Type | protobuf.Enum | protobuf.Service;
type MessageDescriptor = ReturnType<protobuf.Type['toDescriptor']>;

export function describeFiles(root: protobuf.Root): DescribedFiles {
  const byName = new Map<string, DescribedFile>();
  const bySymbol = new Map<string, DescribedFile>();
  for (const [name, objects] of groupByFile(root)) {
    const file = describeFile(name, objects);
    byName.set(name, file);
    for (const symbol of symbolsOf(objects)) bySymbol.set(symbol, file);
  }
  return { byName, bySymbol };
}

function groupByFile(root: protobuf.Root): Map<string, Described[]> {
  const files = new Map<string, Described[]>();
  const visit = (object: protobuf.ReflectionObject): void => {
    if (isDescribed(object)) {
      const name = fileOf(object);
      files.set(name, [...(files.get(name) ?? []), object]);
    } else if (object instanceof protobuf.Namespace) {
      for (const nested of object.nestedArray) visit(nested);
    }
  };
  visit(root);
  return files;
}

function describeFile(name: string, objects: readonly Described[]): DescribedFile {
  const imports = new Set(objects.flatMap(referredTo).map(fileOf));
  imports.delete(name);
  const types = objects.filter((object) => object instanceof protobuf.Type);
  const enums = objects.filter((object) => object instanceof protobuf.Enum);
  const services = objects.filter((object) => object instanceof protobuf.Service);
  const file = descriptor.FileDescriptorProto.create({
    name,
    package: packageOf(objects),
    syntax: 'proto3',
    dependency: [...imports],
    messageType: types.map(describeType),
    enumType: enums.map((one) => one.toDescriptor()),
    service: services.map(describeService),
  });
  return { name, imports: [...imports], bytes: descriptor.FileDescriptorProto.encode(file).finish() };
}

function describeType(type: protobuf.Type): MessageDescriptor {
  const described = type.toDescriptor('proto3');
  for (const [index, field] of type.fieldsArray.entries()) {
    const fieldDescriptor = described.field?.[index];
    if (fieldDescriptor === undefined) continue;
    if (field instanceof protobuf.MapField) nameMapEntry(type, field, described, index);
    else if (field.resolvedType) fieldDescriptor.typeName = field.resolvedType.fullName;
  }
  const nested = type.nestedArray.filter((object) => object instanceof protobuf.Type);
  const entries = (described.nestedType ?? []).filter(({ options }) => options?.mapEntry);
  described.nestedType = [...entries, ...nested.map(describeType)];
  return described;
}

/** By protoc's rule: the entries of the field `some_name` have the type SomeNameEntry. */
function nameMapEntry(
  type: protobuf.Type,
  field: protobuf.MapField,
  described: MessageDescriptor,
  index: number,
): void {
  const fieldDescriptor = described.field?.[index];
  const entry = described.nestedType?.find(({ name }) => name === fieldDescriptor?.typeName);
  if (fieldDescriptor === undefined || entry === undefined) return;
  const name = `${field.name.charAt(0).toUpperCase()}${field.name.slice(1)}Entry`;
  entry.name = name;
  fieldDescriptor.typeName = `${type.fullName}.${name}`;
  const value = entry.field?.[1];
  if (value !== undefined && field.resolvedType) value.typeName = field.resolvedType.fullName;
}

function describeService(service: protobuf.Service): ReturnType<protobuf.Service['toDescriptor']> {
  const described = service.toDescriptor();
  for (const [index, method] of service.methodsArray.entries()) {
    const methodDescriptor = described.method?.[index];
    if (methodDescriptor === undefined) continue;
    methodDescriptor.inputType = method.resolvedRequestType?.fullName ?? '';
    methodDescriptor.outputType = method.resolvedResponseType?.fullName ?? '';
  }
  return described;
}

/** The outermost messages and enums of their files that an object refers to in its fields or methods. */
function referredTo(object: Described): Described[] {
  if (object instanceof protobuf.Enum) return [];
  if (object instanceof protobuf.Service) {
    return object.methodsArray
      .flatMap(({ resolvedRequestType, resolvedResponseType }) => [resolvedRequestType, resolvedResponseType])
      .filter((type) => type !== null)
      .map(outermost);
  }
  const own = object.fieldsArray.flatMap(({ resolvedType }) =>
    resolvedType ? [outermost(resolvedType)] : [],
  );
  return [...own, ...object.nestedArray.filter(isDescribed).flatMap(referredTo)];
}

function symbolsOf(objects: readonly Described[]): string[] {
  return objects.flatMap((object) => {
    const nested = object instanceof protobuf.Type ? object.nestedArray.filter(isDescribed) : [];
    return [object.fullName.slice(1), ...symbolsOf(nested)];
  });
}

function packageOf([first]: readonly Described[]): string {
  return first?.parent?.fullName.slice(1) ?? '';
}

function outermost(object: Described): Described {
  return object.parent !== null && isDescribed(object.parent) ? outermost(object.parent) : object;
}

function isDescribed(object: protobuf.ReflectionObject): object is Described {
  return (
    object instanceof protobuf.Type || object instanceof protobuf.Enum || object instanceof protobuf.Service
  );
}

/** Google's own messages are built into protobufjs without files. */
const GOOGLES_FILES: Readonly<Record<string, string>> = {
  Duration: 'duration',
  Struct: 'struct',
  Value: 'struct',
  ListValue: 'struct',
  NullValue: 'struct',
};

function fileOf(object: Described): string {
  if (object.filename !== null) return basename(object.filename);
  return `google/protobuf/${GOOGLES_FILES[object.name] ?? 'wrappers'}.proto`;
}
