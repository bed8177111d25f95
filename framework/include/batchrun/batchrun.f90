! SPDX-License-Identifier: BSD-3-Clause
! Writing tasks for batchrun in Fortran 2008. A task is a function of the task's handle:
!
!     integer(c_int) function area(t) bind(C)
!         use batchrun
!         type(c_ptr), value :: t
!         area = br_result_f64(t, "area", 3.14159265358979d0 * br_arg_f64(t, "r")**2)
!     end function
!
! and a few lines of C beside it name the plugin and its tasks, through <batchrun/fortran.h>, which
! is also where what stands below is defined. The calls are those of <batchrun/plugin.h>, with
! Fortran's texts: trailing blanks are no part of a name.
module batchrun
    use, intrinsic :: iso_c_binding
    implicit none
    private
    public :: c_ptr, c_int, c_int64_t, c_double
    public :: br_arg_i64, br_arg_f64, br_arg_bool, br_arg_str
    public :: br_rows, br_row_i64, br_row_f64, br_row_bool
    public :: br_result_i64, br_result_f64, br_result_bool, br_result_str
    public :: br_fail, br_fail_permanent, br_log
    public :: br_task_index, br_task_attempt, br_task_seed
    public :: br_task_cancelled, br_task_time_left, br_task_progress

    interface
        integer(c_int64_t) function brf_arg_i64(t, name, row) bind(C)
            import :: c_ptr, c_char, c_int64_t
            type(c_ptr), value :: t
            character(kind=c_char), intent(in) :: name(*)
            integer(c_int64_t), value :: row
        end function
        real(c_double) function brf_arg_f64(t, name, row) bind(C)
            import :: c_ptr, c_char, c_int64_t, c_double
            type(c_ptr), value :: t
            character(kind=c_char), intent(in) :: name(*)
            integer(c_int64_t), value :: row
        end function
        integer(c_int) function brf_arg_bool(t, name, row) bind(C)
            import :: c_ptr, c_char, c_int64_t, c_int
            type(c_ptr), value :: t
            character(kind=c_char), intent(in) :: name(*)
            integer(c_int64_t), value :: row
        end function
        type(c_ptr) function brf_arg_bytes(t, name, size) bind(C)
            import :: c_ptr, c_char, c_size_t
            type(c_ptr), value :: t
            character(kind=c_char), intent(in) :: name(*)
            integer(c_size_t), intent(out) :: size
        end function
        integer(c_int) function brf_result_i64(t, name, x) bind(C)
            import :: c_ptr, c_char, c_int64_t, c_int
            type(c_ptr), value :: t
            character(kind=c_char), intent(in) :: name(*)
            integer(c_int64_t), value :: x
        end function
        integer(c_int) function brf_result_f64(t, name, x) bind(C)
            import :: c_ptr, c_char, c_double, c_int
            type(c_ptr), value :: t
            character(kind=c_char), intent(in) :: name(*)
            real(c_double), value :: x
        end function
        integer(c_int) function brf_result_bool(t, name, x) bind(C)
            import :: c_ptr, c_char, c_int
            type(c_ptr), value :: t
            character(kind=c_char), intent(in) :: name(*)
            integer(c_int), value :: x
        end function
        integer(c_int) function brf_result_bytes(t, name, x, size) bind(C)
            import :: c_ptr, c_char, c_size_t, c_int
            type(c_ptr), value :: t
            character(kind=c_char), intent(in) :: name(*), x(*)
            integer(c_size_t), value :: size
        end function
        integer(c_int) function brf_fail(t, permanent, message) bind(C)
            import :: c_ptr, c_char, c_int
            type(c_ptr), value :: t
            integer(c_int), value :: permanent
            character(kind=c_char), intent(in) :: message(*)
        end function
        subroutine brf_log(t, line) bind(C)
            import :: c_ptr, c_char
            type(c_ptr), value :: t
            character(kind=c_char), intent(in) :: line(*)
        end subroutine
        integer(c_int) function brf_task_cancelled(t) bind(C)
            import :: c_ptr, c_int
            type(c_ptr), value :: t
        end function

        integer(c_int64_t) function br_rows(t) bind(C, name="brf_rows")
            import :: c_ptr, c_int64_t
            type(c_ptr), value :: t
        end function
        integer(c_int64_t) function br_task_index(t) bind(C, name="brf_task_index")
            import :: c_ptr, c_int64_t
            type(c_ptr), value :: t
        end function
        integer(c_int64_t) function br_task_attempt(t) bind(C, name="brf_task_attempt")
            import :: c_ptr, c_int64_t
            type(c_ptr), value :: t
        end function
        ! All 64 bits may be set: it can be negative here.
        integer(c_int64_t) function br_task_seed(t) bind(C, name="brf_task_seed")
            import :: c_ptr, c_int64_t
            type(c_ptr), value :: t
        end function
        real(c_double) function br_task_time_left(t) bind(C, name="brf_task_time_left")
            import :: c_ptr, c_double
            type(c_ptr), value :: t
        end function
        subroutine br_task_progress(t, fraction) bind(C, name="brf_task_progress")
            import :: c_ptr, c_double
            type(c_ptr), value :: t
            real(c_double), value :: fraction
        end subroutine
    end interface

contains

    integer(c_int64_t) function br_arg_i64(t, name)
        type(c_ptr), value :: t
        character(*), intent(in) :: name
        br_arg_i64 = brf_arg_i64(t, trim(name)//c_null_char, 0_c_int64_t)
    end function

    real(c_double) function br_arg_f64(t, name)
        type(c_ptr), value :: t
        character(*), intent(in) :: name
        br_arg_f64 = brf_arg_f64(t, trim(name)//c_null_char, 0_c_int64_t)
    end function

    logical function br_arg_bool(t, name)
        type(c_ptr), value :: t
        character(*), intent(in) :: name
        br_arg_bool = brf_arg_bool(t, trim(name)//c_null_char, 0_c_int64_t) /= 0
    end function

    function br_arg_str(t, name) result(text)
        type(c_ptr), value :: t
        character(*), intent(in) :: name
        character(:), allocatable :: text
        character(kind=c_char), pointer :: bytes(:)
        type(c_ptr) :: at
        integer(c_size_t) :: size, i
        at = brf_arg_bytes(t, trim(name)//c_null_char, size)
        call c_f_pointer(at, bytes, [size])
        allocate(character(size) :: text)
        do i = 1, size
            text(i:i) = bytes(i)
        end do
    end function

    ! Rows count from 1 here.
    integer(c_int64_t) function br_row_i64(t, row, name)
        type(c_ptr), value :: t
        integer(c_int64_t), intent(in) :: row
        character(*), intent(in) :: name
        br_row_i64 = brf_arg_i64(t, trim(name)//c_null_char, row - 1)
    end function

    real(c_double) function br_row_f64(t, row, name)
        type(c_ptr), value :: t
        integer(c_int64_t), intent(in) :: row
        character(*), intent(in) :: name
        br_row_f64 = brf_arg_f64(t, trim(name)//c_null_char, row - 1)
    end function

    logical function br_row_bool(t, row, name)
        type(c_ptr), value :: t
        integer(c_int64_t), intent(in) :: row
        character(*), intent(in) :: name
        br_row_bool = brf_arg_bool(t, trim(name)//c_null_char, row - 1) /= 0
    end function

    integer(c_int) function br_result_i64(t, name, x)
        type(c_ptr), value :: t
        character(*), intent(in) :: name
        integer(c_int64_t), intent(in) :: x
        br_result_i64 = brf_result_i64(t, trim(name)//c_null_char, x)
    end function

    integer(c_int) function br_result_f64(t, name, x)
        type(c_ptr), value :: t
        character(*), intent(in) :: name
        real(c_double), intent(in) :: x
        br_result_f64 = brf_result_f64(t, trim(name)//c_null_char, x)
    end function

    integer(c_int) function br_result_bool(t, name, x)
        type(c_ptr), value :: t
        character(*), intent(in) :: name
        logical, intent(in) :: x
        br_result_bool = brf_result_bool(t, trim(name)//c_null_char, merge(1_c_int, 0_c_int, x))
    end function

    ! The whole of x: trailing blanks are part of it.
    integer(c_int) function br_result_str(t, name, x)
        type(c_ptr), value :: t
        character(*), intent(in) :: name, x
        br_result_str = brf_result_bytes(t, trim(name)//c_null_char, x//c_null_char, &
                                         int(len(x), c_size_t))
    end function

    integer(c_int) function br_fail(t, message)
        type(c_ptr), value :: t
        character(*), intent(in) :: message
        br_fail = brf_fail(t, 0_c_int, trim(message)//c_null_char)
    end function

    integer(c_int) function br_fail_permanent(t, message)
        type(c_ptr), value :: t
        character(*), intent(in) :: message
        br_fail_permanent = brf_fail(t, 1_c_int, trim(message)//c_null_char)
    end function

    subroutine br_log(t, line)
        type(c_ptr), value :: t
        character(*), intent(in) :: line
        call brf_log(t, trim(line)//c_null_char)
    end subroutine

    logical function br_task_cancelled(t)
        type(c_ptr), value :: t
        br_task_cancelled = brf_task_cancelled(t) /= 0
    end function

end module
