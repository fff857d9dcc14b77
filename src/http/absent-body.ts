const MAY_BE_ABSENT = Symbol('the body may be absent');

/** Marks the class of a body without required fields: an absent body then means `{}`. */
export const MayBeAbsent = (): ClassDecorator => (body) => Reflect.defineMetadata(MAY_BE_ABSENT, true, body);

/** Not inherited: a derived class may have required fields. */
export const mayBeAbsent = (body: object): boolean => Reflect.hasOwnMetadata(MAY_BE_ABSENT, body);
